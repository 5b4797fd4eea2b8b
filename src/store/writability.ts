/** Knows whether writes succeed: it remembers why one failed, and tries one where there was none lately. */

import { randomBytes } from "node:crypto";
import pg from "pg";
import type { Logger } from "pino";
import type { Trouble } from "./store.js";

export type Observe = <T>(write: Promise<T>) => Promise<T>;

export interface Writability {
  /** Gives back what it was given, and remembers the outcome. */
  readonly observe: Observe;
  /** Undefined when writes succeed. Bounded to 2 s. */
  trouble(): Promise<Trouble | undefined>;
}

export interface WritabilityOptions {
  /** A connection that was not there before: it also shows whether there is a slot for one. */
  readonly connect: () => Promise<pg.Client>;
  readonly logger: Logger;
}

/** While all is well, one try in this time, and only when somebody asks. */
const restMs = 5_000;
/** While a write has failed, until a try succeeds. */
const failingMs = 1_000;
const tryMsMax = 2_000;

/** More than a table may have left on its last pages: a disk that is full takes small rows for a while. */
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

/** New files take what they need from the disk and not from what a table has left. Nothing of it stays. */
async function fill(client: pg.Client): Promise<void> {
  await client.query("begin");
  await client.query("truncate write_probe");
  await client.query("insert into write_probe (id, filler) values (0, $1)", [filler]);
  await client.query("rollback");
}

const byCode: Readonly<Record<string, Trouble>> = { "25006": "read_only", "53100": "full", "53300": "no_connections" };
/** Resources, rights, the server's own limits and faults. Not what a row is refused for, nor a connection that is lost. */
const ownFault = /^(42501|53|54|55000|58|XX)/;

/** Undefined for what says nothing of writes. */
export function troubleOf(error: unknown): Trouble | undefined {
  if (error instanceof SlowWrite) return "unwritable";
  if (!(error instanceof pg.DatabaseError)) {
    // All connections of the pool are in use.
    return error instanceof Error && error.message.startsWith("timeout exceeded when") ? "no_connections" : undefined;
  }
  return byCode[error.code ?? ""] ?? (ownFault.test(error.code ?? "") ? "unwritable" : undefined);
}
