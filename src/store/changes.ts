/** Hears what any node changed in the database, and asks for everything to be read anew whenever it may have missed something. */

import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "pino";
import type { Change } from "../directory/replica.js";
import { connectionConfig } from "./pool.js";
import { createAttempts } from "./retrying.js";
import { channel, readChange } from "./writing.js";

export interface ChangesOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Called behind each connection, when nothing can be missed any more. */
  readonly readAll: () => Promise<void>;
  readonly read: (change: Change) => Promise<void>;
}

export interface Changes {
  close(): Promise<void>;
}

/** What PostgreSQL calls this connection: every running node has one. */
export const followerName = "eventwire changes";

/** A connection that died without a word is found by asking. */
const askEveryMs = 10_000;
const answerMsMax = 5_000;
const goodbyeMsMax = 500;

export function startChanges({ url, logger, readAll, read }: ChangesOptions): Changes {
  const closing = new AbortController();
  const { signal } = closing;
  const attempts = createAttempts({
    logger,
    failure: "changes in the database can not be followed",
    success: "changes in the database are followed again",
    signal,
  });
  const done = run();

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await follow();
      } catch (error) {
        if (!signal.aborted) await attempts.failed(error);
      }
    }
  }

  /** Ends with the connection, or with the first change that could not be read: the next connection reads them all. */
  async function follow(): Promise<never> {
    const client = new pg.Client({ ...connectionConfig(url, followerName), query_timeout: answerMsMax });
    let fail: (error: Error) => void = () => {};
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    failed.catch(() => {});
    client.on("error", fail);
    client.on("end", () => fail(new Error("the connection has ended")));
    client.on("notification", ({ payload = "" }) => {
      const change = readChange(payload);
      if (change !== undefined) read(change).catch(fail);
    });
    const abort = () => fail(new Error("closing"));
    signal.addEventListener("abort", abort);
    try {
      await Promise.race([client.connect(), failed]);
      await Promise.race([client.query(`listen ${channel}`), failed]);
      await Promise.race([readAll(), failed]);
      attempts.succeeded();
      for (;;) {
        await Promise.race([delay(askEveryMs, undefined, { ref: false }), failed]);
        await Promise.race([client.query("select 1"), failed]);
      }
    } finally {
      signal.removeEventListener("abort", abort);
      await Promise.race([client.end().catch(() => {}), delay(goodbyeMsMax, undefined, { ref: false })]);
    }
  }

  return {
    async close() {
      closing.abort();
      await done;
    },
  };
}
