/**
 * Brings the directory up to date with the changes that any node makes in the database. After each new connection the
 * feed reads everything anew, because it may have missed a change. When the database answers but its changes do not
 * arrive, the feed has the directory marked as stale.
 */

import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "pino";
import type { Change, DirectoryPage, SyncedDirectory } from "../../directory/synced-directory.js";
import type { Sealer } from "../encryption/sealing.js";
import { createBackoff, reasonOf } from "./backoff.js";
import { createDirectoryReader } from "./directory-reader.js";
import { createGate } from "./gate.js";
import { type Hearing, listenOn, NotHeard, type Tell } from "./hearing.js";
import { readChange } from "./notify-transaction.js";
import { connectionConfig, databaseOn } from "./pool.js";
import { PreparationError } from "./preparation.js";
import type { SharedBus } from "./shared-bus.js";
import type { Staleness } from "./staleness.js";
import { readWebhookNews, type WebhookNews } from "./webhook-news.js";

export interface ChangesOptions {
  readonly url: string;
  /** Runs a statement on a connection other than the one on which the feed listens. */
  readonly tell: Tell;
  readonly staleness: Staleness;
  readonly sealer: Sealer;
  readonly logger: Logger;
  readonly directory: SyncedDirectory;
  /** Checks that all nodes on the database share one bus. Absent when the store has no bus to check. */
  readonly sharedBus?: SharedBus | undefined;
  /** Called when a node tells all nodes of webhooks. Never throws. */
  readonly onWebhooks?: ((news: WebhookNews) => void) | undefined;
}

export interface Changes {
  /**
   * Resolves when the directory has been read for the first time, or when the feed is closed. Rejects with
   * PreparationError when nodes on another bus use the database and do not end in time. The feed then ends.
   */
  readonly begun: Promise<void>;
  /**
   * Waits until the directory has applied a committed change. When the connection is lost, waits for the next complete
   * reading. Rejects after 5 s, and when the feed is closed.
   */
  follow(change: Change): Promise<void>;
  /** Ends the feed and its connections. */
  close(): Promise<void>;
}

/*
 * When the database returns after an outage, every change that a node missed is in force within five seconds. At most
 * this time passes before the node's successful attempt to follow the changes:
 *
 * - when connections were cut or refused: one wait between attempts (0.5 s, see backoff.ts);
 * - when connections hung while they were opened: the rest of that attempt (2 s) and one wait (0.5 s);
 * - when the connection fell silent: the time to the next question (0.5 s), its missing answer (1.5 s) and one wait
 *   (0.5 s);
 * - when the connection no longer heard notifications: the time to the next proof (1.5 s), the grace of the proof
 *   (0.5 s, see hearing.ts) and one wait (0.1 s, the first).
 *
 * So 2.5 s remain for the attempt itself, which reads every instance. On two busy cores 100,000 instances take less,
 * and a million several times as long (see docs/performance/instances.md). An attempt on a connection that never hears
 * notifications fails after 0.5 s, which is 2.6 s after the previous connection stopped hearing.
 */
const connectMsMax = 2_000;
const askEveryMs = 500;
const answerMsMax = 1_500;
/**
 * Time between two proofs that this node hears notifications, in milliseconds. A proof costs one notification, which
 * all nodes get, and one statement.
 */
const proveEveryMs = 1_500;

/** Longest statement on a connection of the change feed, in milliseconds. */
const statementMsMax = 10_000;
const followMsMax = 5_000;

export function startChanges(options: ChangesOptions): Changes {
  const { url, tell, staleness, sealer, logger, directory, sharedBus, onWebhooks } = options;
  const closing = new AbortController();
  const { signal } = closing;
  const attempts = createBackoff({
    logger,
    failure: "changes in the database cannot be followed",
    success: "changes in the database are followed again",
    signal,
  });
  /** Reads the row of one change into the directory. Undefined while the feed may have missed a change. */
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
        // When a connection that worked is lost, the next connection is tried before the directory counts as stale,
        // because most often that connection works.
        if (before === nextReading) staleness.failed(error);
        if (!signal.aborted) await attempts.failed(error);
      }
    }
    nextReading.open();
  }

  /**
   * Follows the changes on one connection. Rejects with the reason when the connection is lost or a change cannot be
   * read. The next call reads everything anew.
   */
  async function listen(): Promise<never> {
    const lost = new AbortController();
    const close = () => lost.abort(new Error("closing"));
    signal.addEventListener("abort", close);
    try {
      const client = await connect(url, "eventwire changes", lost);
      const asking = ask(client, lost);
      asking.catch((error: unknown) => lost.abort(error));
      // Single rows are read on the listening connection. When such a read hangs, the next question of `ask` hangs too,
      // and its timeout ends the connection.
      const reader = createDirectoryReader({ db: databaseOn(client), sealer, logger });
      const readOne = (change: Change) =>
        directory.refresh(reader, change).catch((error: unknown) => {
          lost.abort(error);
          throw error;
        });
      const hearing = await listenOn(client, tell, (payload) => {
        const change = readChange(payload);
        if (change !== undefined) readOne(change).catch(() => {});
        const news = readWebhookNews(payload);
        if (news !== undefined) onWebhooks?.(news);
      });
      await unless(lost.signal, hearing.prove());
      if (sharedBus !== undefined) await unless(lost.signal, sharedBus.join(client, lost.signal));
      // The connection hears notifications now, so from here on no change can be missed.
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
      // When several things failed, the reason of the signal is the first failure.
      throw lost.signal.reason;
    } finally {
      read = undefined;
      signal.removeEventListener("abort", close);
    }
  }

  /**
   * Reads the whole database on a connection of its own, which is closed after that. Meanwhile the listening connection
   * must go on answering, and a connection of the pool may be dead.
   */
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
          // The connection was lost while the change was read. After the next complete reading, the change is read
          // again, because that reading may have begun before the change.
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

/**
 * Opens a connection whose statements may take 10 s. Aborts `lost` when the connection breaks, and closes the
 * connection when `lost` is aborted. Rejects when it cannot be opened within two seconds.
 */
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

/**
 * Makes the queries of one connection wait for each other. pg has a queue for that, but the queue is deprecated and
 * prints a warning.
 */
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

/**
 * Asks the database a question half a second after each answer. An answer that needs more than 1.5 s shows that the
 * connection has died silently, and `lost` is aborted. Never resolves.
 */
async function ask(client: pg.Client, lost: AbortController): Promise<never> {
  for (;;) {
    await delay(askEveryMs, undefined, { signal: lost.signal, ref: false });
    // A process that was busy may find the answer in its socket. `setImmediate` lets it read the socket before the
    // connection is given up.
    const late = () => setImmediate(() => lost.abort(new Error("the database does not answer")));
    const timer = setTimeout(late, answerMsMax);
    await client.query("select 1").finally(() => clearTimeout(timer));
  }
}

/**
 * Proves again and again that the connection hears notifications. Rejects when a notification was sent and did not
 * arrive. When a notification cannot be sent, that proves nothing and is ignored.
 */
async function keepProving(hearing: Hearing, lost: AbortController): Promise<never> {
  for (;;) {
    await delay(proveEveryMs, undefined, { signal: lost.signal, ref: false });
    await hearing.prove().catch((error: unknown) => {
      if (error instanceof NotHeard) throw error;
    });
  }
}

/** Waits for `work`, but rejects with the signal's reason as soon as the signal is aborted. The work itself goes on. */
function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
