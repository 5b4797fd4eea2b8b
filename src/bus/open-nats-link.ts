/**
 * Opens the connection to NATS. The link connects again until it is closed, notices when NATS is away, subscribes again
 * after that, and can ask the server whether it has processed all messages.
 */

import { setTimeout as delay } from "node:timers/promises";
import { type ConnectionOptions, connect, errors, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { BusGap, BusStats } from "./bus.js";
import { createInterruptions } from "./interruptions.js";
import type { Announcement, NatsLink, OnMessage } from "./nats-link.js";

interface Listening {
  readonly onMessage: OnMessage;
  readonly announcement: Announcement | undefined;
  stop: (() => void) | undefined;
}

export type LinkStats = Pick<BusStats, "interruptions" | "interruptedMs" | "slowConsumer">;

export interface NatsLinkOptions {
  /** Makes the options of one connection. When this function throws, the link tries again later. */
  readonly connection: () => ConnectionOptions;
  /**
   * A subject on which a new connection first publishes and subscribes. When a permission is missing, the link closes
   * the connection and tries again later.
   */
  readonly probe: string;
  readonly logger: Logger;
  readonly stats: LinkStats;
  /** Called at the end of each interruption, with its start and its end. */
  readonly onInterrupted: (span: Pick<BusGap, "from" | "until">) => void;
  /**
   * How long `openNatsLink` waits for the first connection, in milliseconds. After that it resolves without a
   * connection, and the link goes on trying.
   */
  readonly patienceMs: number;
}

/** Time between two questions by which the link checks that the server still answers, in milliseconds. */
const beatMs = 1_000;
/**
 * Number of unanswered questions after which the server counts as gone and the link connects anew. The link counts
 * questions and not time, because a process that was stopped for a while has asked none.
 */
const silentBeatsMax = 3;
const dialMsMax = 2_000;
const retryMsMin = 50;
const retryMsMax = 2_000;

export async function openNatsLink(options: NatsLinkOptions): Promise<NatsLink> {
  const { connection, probe, logger, stats, patienceMs } = options;
  const interruptions = createInterruptions({ logger, stats, onEnded: options.onInterrupted });
  const subscriptions = new Map<string, Listening>();
  /** The callers of `ask` that wait for the server's answer. */
  const waiting = new Set<(answered: boolean) => void>();
  const closing = new AbortController();
  let nats: NatsConnection | undefined;
  let connected = false;
  let connectedAt = 0;
  let payloadMax: number | undefined;
  let lostAt = performance.now();
  /** Number of questions since the server last answered. */
  let silentBeats = 0;
  let gathering: Promise<boolean> | undefined;
  /** Reasons that were logged since the connection last worked. The link logs each of them once. */
  const complaints = new Set<string>();

  /**
   * Subscribes on the connection `to`. Returns a function that ends the subscription. Undefined when the connection is
   * closed: then the next connection subscribes.
   */
  function listen(to: NatsConnection, subject: string, onMessage: OnMessage): (() => void) | undefined {
    if (to.isClosed() || to.isDraining()) return undefined;
    const subscription = to.subscribe(subject, {
      // A missing permission gives an error here. `refused` handles it, since the status reports it too.
      callback: (error, message) => {
        if (error === null) onMessage(message, message.headers?.code === noResponders);
      },
    });
    return () => subscription.unsubscribe();
  }

  function announce(to: NatsConnection, announcement: Announcement | undefined): void {
    if (announcement !== undefined && !to.isClosed()) to.publish(announcement.subject, announcement.data);
  }

  /**
   * Marks the connection as lost, answers each waiting caller of `ask` with false, and begins an interruption, long
   * before the NATS client library would report the loss.
   */
  function lose(reason: string): void {
    for (const tell of [...waiting]) tell(false);
    if (!connected) return;
    connected = false;
    lostAt = performance.now();
    interruptions.begin(reason);
  }

  /** Logs a reason once, because the same reason repeats at every attempt to connect. */
  function complain(reason: string, message: string): void {
    if (complaints.has(reason)) return;
    complaints.add(reason);
    logger.warn({ reason }, message);
  }

  async function ask(): Promise<boolean> {
    if (nats === undefined) return false;
    const askedAt = Date.now();
    const current = nats;
    const answered = await new Promise<boolean>((resolve) => {
      const tell = (value: boolean): void => {
        waiting.delete(tell);
        resolve(value);
      };
      waiting.add(tell);
      current.flush().then(
        // `setImmediate` first lets the status loop handle what the server sent before its answer.
        () => setImmediate(tell, true),
        () => tell(false),
      );
    });
    if (!answered) return false;
    silentBeats = 0;
    // Before its answer the server sent all events that it had for this node when it read the question.
    interruptions.confirmed(askedAt);
    return true;
  }

  /**
   * Announces the subscriptions on a new connection. When the server has taken them, marks the link as connected and
   * ends the interruption.
   */
  async function returned(): Promise<void> {
    if (nats === undefined || nats.isClosed()) return;
    silentBeats = 0;
    nats.publish(probe);
    for (const { announcement } of subscriptions.values()) announce(nats, announcement);
    if (!(await ask())) return;
    connected = true;
    connectedAt = Date.now();
    complaints.clear();
    interruptions.end();
  }

  function beat(): void {
    if (!connected && waiting.size === 0) return;
    if (++silentBeats <= silentBeatsMax) void ask();
    else {
      silentBeats = 0;
      lose("no sign of life");
      nats?.reconnect().catch(() => {});
    }
  }

  async function watch(watched: NatsConnection): Promise<void> {
    for await (const status of watched.status()) {
      if (status.type === "disconnect") lose("the connection was lost");
      else if (status.type === "reconnect") void returned();
      else if (status.type === "slowConsumer") slow();
      else if (status.type === "ldm") logger.info("the bus server is about to stop");
      else if (status.type === "error") refused(watched, status.error);
    }
  }

  function refused(by: NatsConnection, error: Error): void {
    const { message } = error;
    complain(message, "the bus reports an error");
    // After "slow consumer" the server cuts the connection. The cut is an interruption like any other.
    if (/slow consumer/i.test(message)) slow();
    // The server drops forbidden messages without a further word. So the link gives this connection up, and connects
    // again until the operator grants the permission.
    if (error instanceof errors.PermissionViolationError) {
      lose(message);
      void by.close();
    }
  }

  function slow(): void {
    stats.slowConsumer++;
    logger.warn("the bus finds this node too slow");
  }

  function pause(): Promise<void> {
    return delay(retryMs(performance.now() - lostAt), undefined, { signal: closing.signal }).catch(() => {});
  }

  /**
   * Connects, and tries again until it succeeds or the link is closed. When the connection is closed later, connects
   * anew. The NATS client library repeats attempts by itself only after a connection that worked, and not when a
   * credentials file cannot be read.
   */
  async function dial(): Promise<void> {
    nats = undefined;
    while (nats === undefined && !closing.signal.aborted) {
      try {
        nats = await connect({
          ...connection(),
          noEcho: true,
          timeout: dialMsMax,
          maxReconnectAttempts: -1,
          ignoreAuthErrorAbort: true,
          reconnectDelayHandler: () => retryMs(performance.now() - lostAt),
        });
      } catch (error) {
        complain((error as Error).message, "the bus cannot be reached");
        await pause();
      }
    }
    if (nats === undefined) return;
    if (closing.signal.aborted) return nats.close();
    void watch(nats);
    void nats.closed().then(async () => {
      lose("the connection was closed");
      await pause();
      await dial();
    });
    listen(nats, probe, () => {});
    for (const [subject, entry] of subscriptions) entry.stop = listen(nats, subject, entry.onMessage);
    await returned();
  }

  const dialling = dial();
  await Promise.race([dialling, delay(patienceMs, undefined, { ref: false })]);
  if (!connected) interruptions.begin("it was never there");
  const beating = setInterval(beat, beatMs);

  return {
    get connected() {
      return connected;
    },
    get connectedAt() {
      return connectedAt;
    },
    get payloadMax() {
      // The limit is read each time, because the server may change it at any time.
      payloadMax = nats?.info?.max_payload ?? payloadMax;
      return payloadMax;
    },

    publish(subject, data, reply) {
      if (!connected || nats === undefined || nats.isClosed()) return false;
      if (data.length > (nats.info?.max_payload ?? Number.POSITIVE_INFINITY)) return false;
      nats.publish(subject, data, reply === undefined ? {} : { reply });
      return true;
    },

    subscribe(subject, onMessage, announcement) {
      const entry = { onMessage, announcement, stop: nats && listen(nats, subject, onMessage) };
      subscriptions.set(subject, entry);
      // Also while the link waits for the answer to `returned`, which has announced only earlier subscriptions.
      if (nats !== undefined) announce(nats, announcement);
      return () => {
        if (subscriptions.get(subject) === entry) subscriptions.delete(subject);
        entry.stop?.();
      };
    },

    confirm() {
      if (!connected) return Promise.resolve(false);
      // All callers in one turn of the event loop share one question to the server.
      gathering ??= new Promise((resolve) => {
        setImmediate(() => {
          gathering = undefined;
          resolve(connected ? ask() : false);
        });
      });
      return gathering;
    },

    async close() {
      clearInterval(beating);
      closing.abort();
      const drained = connected ? nats?.drain().catch(() => {}) : undefined;
      connected = false;
      for (const tell of [...waiting]) tell(false);
      await Promise.race([drained, delay(dialMsMax, undefined, { ref: false })]);
      await nats?.close();
    },
  };
}

const noResponders = 503;

/**
 * How long to wait before the next attempt to connect, in milliseconds, when the connection has been lost for `awayMs`.
 * The wait grows with that time, up to two seconds. It is random, so that the nodes of a cluster do not all come back
 * at once.
 */
function retryMs(awayMs: number): number {
  const wait = Math.min(Math.max(awayMs / 2, retryMsMin), retryMsMax);
  return wait * (0.5 + Math.random() / 2);
}
