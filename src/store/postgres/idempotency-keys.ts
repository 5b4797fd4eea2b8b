/**
 * Stores idempotency keys in PostgreSQL. Many calls share one statement. When the database does not answer, what has to
 * be stored is kept and stored later; see `kept-writes.ts`.
 */

import type { Logger } from "pino";
import type { IdempotencyKeys, KeyAnswer, KeyState, KeyUse } from "../idempotency-keys.js";
import { createAvailability } from "./availability.js";
import { createKeptWrites } from "./kept-writes.js";
import { claimKeys, emptyOldPart, releaseKeys, settleKeys } from "./key-statements.js";
import { connectionConfig, createPool, type IsSession } from "./pool.js";
import { inStatements } from "./statement-batches.js";

/** Number of connections for keys. The control plane has connections of its own. */
const connectionsMax = 4;
/** How many statements of one kind run at once. */
const statementsMax = 2;
/** Longest wait for a free connection, in milliseconds. */
const waitMsMax = 2_000;
/** Longest statement, in milliseconds. Statements must be far shorter than `overlapSeconds` of `key-statements.ts`. */
const statementMsMax = 2_000;
/** How long this process waits for an answer: longer than the server works, so that it mostly learns the outcome. */
const answerMsMax = 3_000;
/** How often this node looks whether old keys can be removed, in milliseconds. */
const emptyEveryMs = 10 * 60_000;

/**
 * Without these settings PostgreSQL would plan a statement for the small table of its first call, and read the whole
 * table later, when it has grown. And planning would take longer than the statement.
 */
const sessionSettings = {
  enable_seqscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  plan_cache_mode: "force_generic_plan",
  jit: "off",
};

interface Settlement extends KeyUse {
  readonly answer: KeyAnswer;
}

/** Opens no connection before the first key. */
export function createIdempotencyKeys(options: {
  url: string;
  logger: Logger;
  isSession: IsSession;
}): IdempotencyKeys & { close(): Promise<void> } {
  const { url, logger, isSession } = options;
  const config = {
    ...connectionConfig(url, "eventwire keys"),
    connectionTimeoutMillis: waitMsMax,
    max: connectionsMax,
    query_timeout: answerMsMax,
  };
  const pool = createPool(config, logger, statementMsMax, isSession, sessionSettings);
  const availability = createAvailability({
    logger,
    failure: "idempotency keys cannot be stored in the database: this node refuses events with a key",
    success: "idempotency keys are stored in the database again",
    attempt: () => pool.query("delete from idempotency_key where false"),
  });
  const release = (uses: readonly KeyUse[]) => availability.run(() => pool.query(releaseKeys(uses)));
  const settle = (settlements: readonly Settlement[]) => availability.run(() => pool.query(settleKeys(settlements)));
  const kept = createKeptWrites(logger);

  const claimOne = inStatements(statementsMax, async (uses: readonly KeyUse[]): Promise<KeyState[]> => {
    let isSent = false;
    try {
      const { rows } = await availability.run(() => {
        isSent = true;
        return pool.query(claimKeys(uses));
      });
      const states = new Map(rows.map((row) => [row.call, row]));
      return uses.map(({ call }) => stateOf(states.get(call)));
    } catch (error) {
      // The statement may have been carried out although its answer is lost.
      if (isSent) kept.keep(() => release(uses));
      throw error;
    }
  });

  /** Makes a function that stores a write of one call, or keeps the write when the database does not answer. */
  function writing<T>(write: (calls: readonly T[]) => Promise<unknown>): (call: T) => Promise<void> {
    return inStatements(statementsMax, async (calls: readonly T[]) => {
      await write(calls).catch(() => kept.keep(() => write(calls)));
      return calls.map(() => undefined);
    });
  }
  const settleOne = writing(settle);

  const emptying = setInterval(() => {
    const tell = (error: unknown) => logger.debug({ err: error }, "old idempotency keys were not removed");
    availability.run(() => pool.query(emptyOldPart)).catch(tell);
  }, emptyEveryMs).unref();

  return {
    claim: claimOne,
    settle: (use, answer) => settleOne({ ...use, answer }),
    release: writing(release),

    async close() {
      clearInterval(emptying);
      await kept.close();
      availability.close();
      await pool.end();
    },
  };
}

interface StateRow {
  readonly call: string;
  readonly sameContent: boolean | null;
  readonly ageMs: number | null;
  readonly id: string | null;
  readonly sockets: number | null;
  readonly otherNodesReached: boolean | null;
  readonly position: string | null;
  readonly webhooks: number | null;
}

/** A call without a row saw a key that another statement was storing at this moment. */
function stateOf(row: StateRow | undefined): KeyState {
  if (row === undefined) return { state: "busy" };
  const { sameContent, ageMs } = row;
  if (sameContent === null) return { state: "claimed" };
  return { state: "used", sameContent, ageMs: ageMs ?? 0, answer: answerOf(row) };
}

function answerOf({ id, sockets, otherNodesReached, position, webhooks }: StateRow): KeyAnswer | undefined {
  if (id === null) return undefined;
  return {
    id,
    sockets: sockets ?? 0,
    otherNodesReached: otherNodesReached ?? true,
    ...(position !== null && { position }),
    ...(webhooks !== null && { webhooks }),
  };
}
