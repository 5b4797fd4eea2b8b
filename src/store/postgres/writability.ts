/**
 * Knows whether writes to the database succeed. It remembers why the last write failed. When somebody asks and no write
 * succeeded lately, it tries one.
 */

import { randomBytes } from "node:crypto";
import pg from "pg";
import type { Logger } from "pino";
import type { Trouble } from "../store.js";

export type Observe = <T>(write: Promise<T>) => Promise<T>;

export interface Writability {
  /**
   * Resolves or rejects as the write does, and remembers whether the write failed for a reason that lies in the
   * database. A success does not end a remembered failure: only a trial write does.
   */
  readonly observe: Observe;
  /**
   * Why writes fail. Undefined when they succeed, as far as the last writes show. Waits for a trial write if one is
   * due, for at most 2 s.
   */
  trouble(): Promise<Trouble | undefined>;
}

export interface WritabilityOptions {
  /** Opens a new connection. That also shows whether the server has a connection left. */
  readonly connect: () => Promise<pg.Client>;
  readonly logger: Logger;
}

/**
 * While writes succeed: shortest time between a write and a trial write, in milliseconds. A trial write is made only
 * when somebody asks.
 */
const restMs = 5_000;
/** While writes fail: shortest time between two trial writes, in milliseconds. */
const failingMs = 1_000;
const tryMsMax = 2_000;

/**
 * The bytes that a trial write stores after a failure. They do not fit into the free room of the table's last pages,
 * because a full disk still takes small rows for a while.
 */
const filler = randomBytes(64 * 1024);

export function createWritability({ connect, logger }: WritabilityOptions): Writability {
  let failure: Trouble | undefined;
  let failures = 0;
  let triedAt = Number.NEGATIVE_INFINITY;
  let trying: Promise<void> | undefined;

  function failed(error: unknown): void {
    const trouble = troubleOf(error);
    if (trouble === undefined) return;
    failures++;
    if (failure !== trouble) logger.error({ err: error, trouble }, "writes to the database fail");
    failure = trouble;
  }

  async function attempt(): Promise<void> {
    const before = failures;
    const client = await connect();
    try {
      await client.query(keep);
      if (failure !== undefined) await fill(client);
    } finally {
      client.end().catch(() => {});
    }
    if (failure === undefined || failures !== before) return;
    logger.info({ trouble: failure }, "writes to the database succeed again");
    failure = undefined;
  }

  async function bounded(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((_, reject) => {
      timer = setTimeout(() => reject(new SlowWrite("a write was not done in time")), tryMsMax);
    });
    await Promise.race([attempt(), late])
      .catch(failed)
      .finally(() => {
        clearTimeout(timer);
        triedAt = performance.now();
        trying = undefined;
      });
  }

  return {
    async observe(write) {
      try {
        const made = await write;
        if (failure === undefined) triedAt = performance.now();
        return made;
      } catch (error) {
        failed(error);
        throw error;
      }
    },
    async trouble() {
      const due = triedAt + (failure === undefined ? restMs : failingMs) <= performance.now();
      if (due) trying ??= bounded();
      await trying;
      return failure;
    },
  };
}

class SlowWrite extends Error {}

const keep =
  "insert into write_probe (id, filler) values (0, null) on conflict (id) do update set filler = excluded.filler";

/** Writes into a new file, which needs free room on the disk. The rollback removes the file. */
async function fill(client: pg.Client): Promise<void> {
  await client.query("begin");
  await client.query("truncate write_probe");
  await client.query("insert into write_probe (id, filler) values (0, $1)", [filler]);
  await client.query("rollback");
}

const byCode: Readonly<Record<string, Trouble>> = { "25006": "read_only", "53100": "full", "53300": "no_connections" };
/**
 * PostgreSQL's error codes (SQLSTATE) for missing resources or rights, and for limits and faults of the server itself.
 * A refused row or a lost connection is not among them.
 */
const ownFault = /^(42501|53|54|55000|58|XX)/;

/**
 * What an error says about writes. Undefined when it says nothing about them, as a refused row or a lost connection
 * does.
 */
export function troubleOf(error: unknown): Trouble | undefined {
  if (error instanceof SlowWrite) return "unwritable";
  if (!(error instanceof pg.DatabaseError)) {
    // pg throws an error with this text when all connections of the pool are in use.
    return error instanceof Error && error.message.startsWith("timeout exceeded when") ? "no_connections" : undefined;
  }
  return byCode[error.code ?? ""] ?? (ownFault.test(error.code ?? "") ? "unwritable" : undefined);
}
