/**
 * Stores tickets in PostgreSQL, and redeems each of them once. A redemption is one statement. Redemptions that are asked
 * for while a statement runs share the next one, so a flood of wrong tickets costs the database few statements.
 */

import type { Logger } from "pino";
import type { StoredTicket, TicketStore } from "../store.js";
import { createBackoff } from "./backoff.js";
import { connectionConfig, createPool, type IsSession } from "./pool.js";
import { createSweeper } from "./sweeper.js";

/** One connection redeems. The other one stores new tickets meanwhile. */
const connectionsMax = 2;
/** Longest wait for a free connection, in milliseconds. The statement may take as long again. */
const waitMsMax = 2_000;
/** Most tickets that one statement redeems. */
const batchMax = 1_000;

const store = {
  name: "store ticket",
  text: `
    insert into ticket (hash, token_hash, instance_id, events, ends_at)
    values ($1, $2, $3, $4, statement_timestamp() + $5 * interval '1 second')
    returning ends_at as "endsAt"`,
};

const redeem = {
  name: "redeem tickets",
  // A row that is locked is being redeemed by another node. Skipping the row also prevents that two nodes which redeem
  // the same tickets wait for each other for ever.
  text: `
    with valid as (
      select hash from ticket where hash = any($1) and ends_at > statement_timestamp() for update skip locked
    )
    delete from ticket using valid where ticket.hash = valid.hash
    returning ticket.hash, token_hash as "tokenHash", instance_id as "instanceId", events`,
};

interface Waiter {
  readonly hash: Buffer;
  resolve(ticket: StoredTicket | undefined): void;
  reject(error: unknown): void;
}

export interface TicketsOptions {
  readonly url: string;
  readonly logger: Logger;
  readonly isSession: IsSession;
}

/** Opens no connection before the first ticket. */
export function createTicketStore({
  url,
  logger,
  isSession,
}: TicketsOptions): TicketStore & { close(): Promise<void> } {
  const config = { ...connectionConfig(url, "eventwire tickets"), connectionTimeoutMillis: waitMsMax };
  const pool = createPool({ ...config, max: connectionsMax, query_timeout: waitMsMax }, logger, waitMsMax, isSession);
  const sweeper = createSweeper({ pool, table: "ticket", ended: "ends_at < statement_timestamp()", logger });
  const closing = new AbortController();
  const attempts = createBackoff({
    logger,
    failure: "tickets cannot be redeemed: the database does not answer",
    success: "tickets can be redeemed again",
    signal: closing.signal,
  });
  let waiting: Waiter[] = [];
  let redeeming = false;

  async function redeemAll(): Promise<void> {
    redeeming = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchMax);
      waiting = waiting.slice(batchMax);
      await redeemBatch(batch);
    }
    redeeming = false;
  }

  async function redeemBatch(batch: readonly Waiter[]): Promise<void> {
    try {
      const values = [batch.map(({ hash }) => hash)];
      const { rows } = await pool.query<StoredTicket & { hash: Buffer }>({ ...redeem, values });
      const redeemed = new Map(rows.map(({ hash, ...ticket }) => [keyOf(hash), ticket]));
      for (const { hash, resolve } of batch) {
        resolve(redeemed.get(keyOf(hash)));
        // The ticket may stand in the batch again.
        redeemed.delete(keyOf(hash));
      }
      attempts.succeeded();
    } catch (error) {
      for (const { reject } of batch) reject(error);
      void attempts.failed(error);
    }
  }

  return {
    async add(hash, { tokenHash, instanceId, events }, ttlSeconds) {
      sweeper.sweepIfDue();
      const values = [hash, tokenHash, instanceId, events, ttlSeconds];
      const { rows } = await pool.query<{ endsAt: Date }>({ ...store, values });
      return (rows[0] as { endsAt: Date }).endsAt;
    },

    redeem(hash) {
      return new Promise((resolve, reject) => {
        waiting.push({ hash, resolve, reject });
        if (!redeeming) void redeemAll();
      });
    },

    async close() {
      closing.abort();
      await pool.end();
    },
  };
}

function keyOf(hash: Buffer): string {
  return hash.toString("latin1");
}
