/** Knows whether writes succeed. It remembers why the last one failed, and tries a write when there was none lately. */

import { randomBytes } from "node:crypto";
import pg from "pg";
import type { Logger } from "pino";
import type { Trouble } from "../store.js";

export type Observe = <T>(write: Promise<T>) => Promise<T>;

export interface Writability {
  /** Passes the write on, and remembers whether it succeeded. */
  readonly observe: Observe;
  /** Undefined when writes succeed. Takes at most 2 s. */
  trouble(): Promise<Trouble | undefined>;
}

export interface WritabilityOptions {
  /** Opens a new connection, which also shows whether the server has a free slot. */
  readonly connect: () => Promise<pg.Client>;
  readonly logger: Logger;
}

/** Shortest time between two tries while writes succeed. A try is made only when somebody asks. */
const restMs = 5_000;
/** The same while a write has failed, until a try succeeds. */
const failingMs = 1_000;
const tryMsMax = 2_000;

/** More bytes than the last pages of a table may have left. A full disk still takes small rows for a while. */
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

/** Writes into new files, which need room on the disk and not in the table. The rollback removes them. */
async function fill(client: pg.Client): Promise<void> {
  await client.query("begin");
  await client.query("truncate write_probe");
  await client.query("insert into write_probe (id, filler) values (0, $1)", [filler]);
  await client.query("rollback");
}

const byCode: Readonly<Record<string, Trouble>> = { "25006": "read_only", "53100": "full", "53300": "no_connections" };
/**
 * SQLSTATEs of missing resources or rights and of the server's own limits and faults. A refused row or a lost
 * connection is not among them.
 */
const ownFault = /^(42501|53|54|55000|58|XX)/;

/** Undefined when the error says nothing about writes. */
export function troubleOf(error: unknown): Trouble | undefined {
  if (error instanceof SlowWrite) return "unwritable";
  if (!(error instanceof pg.DatabaseError)) {
    // All connections of the pool are in use.
    return error instanceof Error && error.message.startsWith("timeout exceeded when") ? "no_connections" : undefined;
  }
  return byCode[error.code ?? ""] ?? (ownFault.test(error.code ?? "") ? "unwritable" : undefined);
}
