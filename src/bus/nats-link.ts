/** The connection to NATS. It reconnects for ever, knows when it was away, and knows what the server has processed. */

import { setTimeout as delay } from "node:timers/promises";
import { type ConnectionOptions, connect, errors, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { BusStats } from "./bus.js";
import { createInterruptions } from "./interruptions.js";

export type LinkStats = Pick<BusStats, "interruptions" | "interruptedMs" | "slowConsumer">;

/** `nobody`: the server says that nobody listens to the subject asked. The subject is made of its bytes when it is read. */
export type OnMessage = (message: { readonly subject: string; readonly data: Uint8Array }, nobody: boolean) => void;

export interface NatsLink {
  /** False from the first sign of a lost connection until the server has taken all subscriptions again. */
  readonly connected: boolean;
  /** When `connected` last became true, in milliseconds since 1970. */
  readonly connectedAt: number;
  /** Largest message that the server takes, in bytes. Undefined until the server has said it. */
  readonly payloadMax: number | undefined;
  /** False when it cannot be sent: not connected, or too large for this server. `reply`: where it says that nobody listens. */
  publish(subject: string, data: Uint8Array, reply?: string): boolean;
  /**
   * Subscribes to a subject. The subscription is in force after the next `confirm`, and again after each return of the
   * connection. Returns a function that ends it.
   */
  subscribe(subject: string, onMessage: OnMessage): () => void;
  /** True once the server has processed everything from before; false when the connection was lost. Never rejects. */
  confirm(): Promise<boolean>;
  close(): Promise<void>;
}

export interface NatsLinkOptions {
  /** Called for each new connection. An error that it throws counts as a NATS that cannot be reached. */
  readonly connection: () => ConnectionOptions;
  /** Each connection must be allowed to publish and to listen here before it counts: what is forbidden shows at once. */
  readonly probe: string;
  readonly logger: Logger;
  readonly stats: LinkStats;
  /** How long to wait for the first connection before going on without, in milliseconds. */
  readonly patienceMs: number;
}

/** Time between two questions for a sign of life. */
const beatMs = 1_000;
/**
 * Beats without an answer after which the server counts as gone. Beats are counted and not time, because a process that
 * was stopped has no beats.
 */
const silentBeatsMax = 3;
const dialMsMax = 2_000;
const retryMsMin = 50;
const retryMsMax = 2_000;

export async function openNatsLink(options: NatsLinkOptions): Promise<NatsLink> {
  const { connection, probe, logger, stats, patienceMs } = options;
  const interruptions = createInterruptions({ logger, stats });
  const subscriptions = new Map<string, { onMessage: OnMessage; stop: (() => void) | undefined }>();
  /** The callers that wait for the server's answer. */
  const waiting = new Set<(answered: boolean) => void>();
  const closing = new AbortController();
  let nats: NatsConnection | undefined;
  let connected = false;
  let connectedAt = 0;
  let payloadMax: number | undefined;
  let lostAt = performance.now();
  /** Beats since the server last answered. */
  let silentBeats = 0;
  let gathering: Promise<boolean> | undefined;
  /** The reasons that were logged since the last connection. */
  const complaints = new Set<string>();

  /** Undefined when the connection is gone. The next connection subscribes again. */
  function listen(to: NatsConnection, subject: string, onMessage: OnMessage): (() => void) | undefined {
    if (to.isClosed() || to.isDraining()) return undefined;
    const subscription = to.subscribe(subject, {
      // An error here is a missing permission, which the status reports too.
      callback: (error, message) => {
        if (error === null) onMessage(message, message.headers?.code === noResponders);
      },
    });
    return () => subscription.unsubscribe();
  }

  /** Ends every wait at once: the library tells it only when it dials again. */
  function lose(reason: string): void {
    for (const tell of [...waiting]) tell(false);
    if (!connected) return;
    connected = false;
    lostAt = performance.now();
    interruptions.begin(reason);
  }

  /** A reason that repeats at every attempt is logged once. */
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
        // In the same turn, but behind what the server said before its answer: a refusal comes through the status.
        () => setImmediate(tell, true),
        () => tell(false),
      );
    });
    if (!answered) return false;
    silentBeats = 0;
    // What the server had for us before it read the question, it sent before its answer.
    interruptions.confirmed(askedAt);
    return true;
  }

  async function returned(): Promise<void> {
    if (nats === undefined || nats.isClosed()) return;
    silentBeats = 0;
    nats.publish(probe);
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
    // After this message the server cuts the connection, which is an interruption like any other.
    if (/slow consumer/i.test(message)) slow();
    // What it forbids is lost without a further word, so this is no connection until it is allowed.
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

  /** The library repeats later attempts for ever, but gives up on the first, and when a credentials file cannot be read. */
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
      // The server may change this limit at any time.
      payloadMax = nats?.info?.max_payload ?? payloadMax;
      return payloadMax;
    },

    publish(subject, data, reply) {
      if (!connected || nats === undefined || nats.isClosed()) return false;
      if (data.length > (nats.info?.max_payload ?? Number.POSITIVE_INFINITY)) return false;
      nats.publish(subject, data, reply === undefined ? {} : { reply });
      return true;
    },

    subscribe(subject, onMessage) {
      const entry = { onMessage, stop: nats && listen(nats, subject, onMessage) };
      subscriptions.set(subject, entry);
      return () => {
        if (subscriptions.get(subject) === entry) subscriptions.delete(subject);
        entry.stop?.();
      };
    },

    confirm() {
      if (!connected) return Promise.resolve(false);
      // All callers of one turn share one question.
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

/** Soon after a short absence, ever more slowly then, and spread: the nodes of a cluster must not come back all at once. */
function retryMs(awayMs: number): number {
  const wait = Math.min(Math.max(awayMs / 2, retryMsMin), retryMsMax);
  return wait * (0.5 + Math.random() / 2);
}
