/**
 * Hears what any node changes in the database, and reads everything anew whenever it may have missed something. Where the
 * database answers and its changes do not arrive, the directory is told that what it knows may be out of date.
 */

import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "pino";
import type { Change, DirectoryPage, Replica } from "../directory/replica.js";
import { createDirectoryReader } from "./directory-reader.js";
import { createGate } from "./gate.js";
import { type Hearing, listenOn, NotHeard, type Tell } from "./hearing.js";
import { connectionConfig, databaseOn } from "./pool.js";
import { PreparationError } from "./preparation.js";
import { createAttempts, reasonOf } from "./retrying.js";
import type { Sealer } from "./sealing.js";
import type { SharedBus } from "./shared-bus.js";
import type { Staleness } from "./staleness.js";
import { readChange } from "./writing.js";

export interface ChangesOptions {
  readonly url: string;
  /** On the connections that writes use. */
  readonly tell: Tell;
  readonly staleness: Staleness;
  readonly sealer: Sealer;
  readonly logger: Logger;
  readonly directory: Replica;
  /** Absent where nobody else's events are heard, and nobody hears ours. */
  readonly sharedBus?: SharedBus | undefined;
}

export interface Changes {
  /**
   * Resolves when the directory has been read for the first time, or at the close. Rejects with PreparationError when nodes
   * that do not share the bus of this one keep it from starting.
   */
  readonly begun: Promise<void>;
  /** Resolves when the directory knows a change that was committed. Rejects after 5 s without. */
  follow(change: Change): Promise<void>;
  close(): Promise<void>;
}

/*
 * What was missed is in force within five seconds of the return of the database. Before the attempt that succeeds pass at
 * most, when connections
 *
 * - were cut or refused: one wait between attempts (0.5 s, see retrying.ts);
 * - hung while they were made: the rest of that attempt (2 s) and one wait (0.5 s);
 * - fell silent: the next question (0.5 s), its answer that does not come (1.5 s) and one wait (0.5 s);
 * - went deaf: the next proof (1.5 s), what it allows for (0.5 s, see hearing.ts) and one wait (0.1 s, the first).
 *
 * That leaves 2.5 s for the attempt itself, which reads every instance: 100,000 take less on two busy cores, a million
 * several times as long (see docs/PERFORMANCE.md). A connection that is deaf from its begin is known to be so after 0.5 s of
 * the attempt: 2.6 s after the one before went deaf.
 */
const connectMsMax = 2_000;
const askEveryMs = 500;
const answerMsMax = 1_500;
/** Of every node: one notification, which all nodes get, and one statement. */
const proveEveryMs = 1_500;

/** Of one statement of the reading of everything, while the listening connection answers. */
const statementMsMax = 10_000;
const followMsMax = 5_000;

export function startChanges(options: ChangesOptions): Changes {
  const { url, tell, staleness, sealer, logger, directory, sharedBus } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const attempts = createAttempts({
    logger,
    failure: "changes in the database can not be followed",
    success: "changes in the database are followed again",
    signal,
  });
  /** Undefined while something may have been missed. */
  let read: ((change: Change) => Promise<void>) | undefined;
  let reason = "closing";
  let nextReading = createGate();
  let refuse: (reason: PreparationError) => void = () => {};
  const begun = Promise.race([
    nextReading.opened,
    new Promise<never>((_, reject) => {
      refuse = reject;
    }),
  ]);
  begun.catch(() => {});
  const done = run();

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const before = nextReading;
      try {
        await listen();
      } catch (error) {
        reason = reasonOf(error);
        if (error instanceof PreparationError) return refuse(error);
        // A connection that was followed is replaced first: most often the next one hears.
        if (before === nextReading) staleness.failed(error);
        if (!signal.aborted) await attempts.failed(error);
      }
    }
    nextReading.open();
  }

  /** Ends with the connection, or with the first change that could not be read: the next connection reads them all. */
  async function listen(): Promise<never> {
    const lost = new AbortController();
    const close = () => lost.abort(new Error("closing"));
    signal.addEventListener("abort", close);
    try {
      const client = await connect(url, "eventwire changes", lost);
      const asking = ask(client, lost);
      asking.catch((error: unknown) => lost.abort(error));
      // On the listening connection itself: when one of its reads hangs, so does the next question.
      const reader = createDirectoryReader({ db: databaseOn(client), sealer, logger });
      const readOne = (change: Change) =>
        directory.refresh(reader, change).catch((error: unknown) => {
          lost.abort(error);
          throw error;
        });
      const hearing = await listenOn(client, tell, (payload) => {
        const change = readChange(payload);
        if (change !== undefined) readOne(change).catch(() => {});
      });
      await unless(lost.signal, hearing.prove());
      if (sharedBus !== undefined) await unless(lost.signal, sharedBus.join(client, lost.signal));
      // From here on nothing can be missed.
      await directory.reload({ ...reader, readAll: () => readAll(lost) });
      staleness.ended();
      attempts.succeeded();
      read = readOne;
      nextReading.open();
      nextReading = createGate();
      keepProving(hearing, lost).catch((error: unknown) => lost.abort(error));
      return await asking;
    } catch (error) {
      lost.abort(error);
      // The first reason of several.
      throw lost.signal.reason;
    } finally {
      read = undefined;
      signal.removeEventListener("abort", close);
    }
  }

  /** On a connection of its own: one out of the pool may be dead, and the listening one goes on being asked. */
  async function* readAll(lost: AbortController): AsyncGenerator<DirectoryPage> {
    const client = await connect(url, "eventwire reading", lost);
    try {
      const pages = createDirectoryReader({ db: databaseOn(client), sealer, logger })
        .readAll()
        [Symbol.asyncIterator]();
      const next = () => unless(lost.signal, pages.next());
      for (let page = await next(); !page.done; page = await next()) yield page.value;
    } finally {
      client.end().catch(() => {});
    }
  }

  function notFollowed(): never {
    throw new Error(`the change was saved, but could not be read back: ${reason}`);
  }

  return {
    begun,
    async follow(change) {
      const end = Date.now() + followMsMax;
      while (!signal.aborted) {
        try {
          if (read !== undefined) return await read(change);
        } catch {
          // The connection was lost with it. Even the reading that follows may have begun before the change.
        }
        await Promise.race([nextReading.opened, delay(end - Date.now(), undefined, { ref: false }).then(notFollowed)]);
      }
      notFollowed();
    },
    async close() {
      closing.abort();
      await done;
    },
  };
}

/** Ends with `lost`, and ends it when the connection breaks. */
async function connect(url: string, name: string, lost: AbortController): Promise<pg.Client> {
  const client = new pg.Client({
    ...connectionConfig(url, name),
    connectionTimeoutMillis: connectMsMax,
    query_timeout: statementMsMax,
  });
  client.on("error", (error) => lost.abort(error));
  askInTurn(client);
  lost.signal.addEventListener("abort", () => void client.end().catch(() => {}));
  await unless(lost.signal, client.connect());
  return client;
}

/** Many ask on one connection. The queue that pg has for that is deprecated, and it says so on the standard error stream. */
function askInTurn(client: pg.Client): void {
  const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
  let last: Promise<unknown> = Promise.resolve();
  const ask = (...args: unknown[]) => {
    const answer = last.then(() => query(...args));
    last = answer.catch(() => {});
    return answer;
  };
  client.query = ask as typeof client.query;
}

/** Finds a connection that died without a word. */
async function ask(client: pg.Client, lost: AbortController): Promise<never> {
  for (;;) {
    await delay(askEveryMs, undefined, { signal: lost.signal, ref: false });
    // A process that was busy for as long looks into its sockets first.
    const late = () => setImmediate(() => lost.abort(new Error("the database does not answer")));
    const timer = setTimeout(late, answerMsMax);
    await client.query("select 1").finally(() => clearTimeout(timer));
  }
}

/** Finds a connection that answers and no longer hears. What cannot be told says nothing of it. */
async function keepProving(hearing: Hearing, lost: AbortController): Promise<never> {
  for (;;) {
    await delay(proveEveryMs, undefined, { signal: lost.signal, ref: false });
    await hearing.prove().catch((error: unknown) => {
      if (error instanceof NotHeard) throw error;
    });
  }
}

/** Rejects as soon as the signal is aborted, whatever becomes of the work. */
function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
