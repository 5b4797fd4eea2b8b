/** The connection to NATS: comes back for ever, knows when it was away, and tells what the server has processed. */

import { setTimeout as delay } from "node:timers/promises";
import { type ConnectionOptions, connect, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { BusStats } from "./bus.js";
import { createInterruptions } from "./interruptions.js";

export type LinkStats = Pick<BusStats, "interruptions" | "interruptedMs" | "slowConsumer">;

/** One message: its subject, its bytes, and whether the server says that nobody listens to the subject asked. */
export type OnMessage = (subject: string, data: Uint8Array, nobody: boolean) => void;

export interface NatsLink {
  /** False from the first sign that it is gone until the server has taken all subscriptions again. */
  readonly connected: boolean;
  /** Largest message that the server takes, in bytes, as far as it has ever told. */
  readonly payloadMax: number | undefined;
  /** To be called only while connected. `reply`: where the server says that nobody listens. */
  publish(subject: string, data: Uint8Array, reply?: string): void;
  /** In force after the next `confirm`, and again after each return of the connection. Returns the way to stop. */
  subscribe(subject: string, onMessage: OnMessage): () => void;
  /** True once the server has processed everything from before; false when the connection was lost. Never rejects. */
  confirm(): Promise<boolean>;
  close(): Promise<void>;
}

export interface NatsLinkOptions {
  readonly connection: ConnectionOptions;
  readonly logger: Logger;
  readonly stats: LinkStats;
  /** How long to wait for the first connection before going on without, in milliseconds. */
  readonly patienceMs: number;
}

/** How often the server is asked for a sign of life. */
const beatMs = 1_000;
/** So many beats without an answer: gone. Beats, not time: a process that was stopped has not beaten. */
const silentBeatsMax = 3;
const dialMsMax = 2_000;
const retryMsMin = 50;
const retryMsMax = 2_000;

export async function openNatsLink({ connection, logger, stats, patienceMs }: NatsLinkOptions): Promise<NatsLink> {
  const interruptions = createInterruptions({ logger, stats });
  const subscriptions = new Map<string, { onMessage: OnMessage; stop: (() => void) | undefined }>();
  /** Who waits for the server's answer. */
  const waiting = new Set<(answered: boolean) => void>();
  const closing = new AbortController();
  let nats: NatsConnection | undefined;
  let connected = false;
  let payloadMax: number | undefined;
  let lostAt = performance.now();
  /** Beats since the server last answered. */
  let silentBeats = 0;
  let gathering: Promise<boolean> | undefined;

  function listen(to: NatsConnection, subject: string, onMessage: OnMessage): () => void {
    const subscription = to.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) onMessage(message.subject, message.data, message.headers?.code === noResponders);
        else logger.error({ err: error, subject }, "the bus refuses a subscription");
      },
    });
    return () => subscription.unsubscribe();
  }

  /** Ends every wait at once: the library tells it only when it dials again. */
  function lose(reason: string): void {
    if (!connected) return;
    connected = false;
    lostAt = performance.now();
    interruptions.begin(reason);
    for (const tell of [...waiting]) tell(false);
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
        () => tell(true),
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
    payloadMax = nats?.info?.max_payload;
    if (!(await ask())) return;
    connected = true;
    interruptions.end();
  }

  function beat(): void {
    if (!connected) return;
    if (++silentBeats <= silentBeatsMax) void ask();
    else {
      silentBeats = 0;
      lose("no sign of life");
      void nats?.reconnect();
    }
  }

  async function watch(watched: NatsConnection): Promise<void> {
    for await (const status of watched.status()) {
      if (status.type === "disconnect") lose("the connection was lost");
      else if (status.type === "reconnect") await returned();
      else if (status.type === "slowConsumer") slow();
      else if (status.type === "error") {
        logger.warn({ reason: status.error.message }, "the bus reports an error");
        // The server says so and then cuts the connection, which is an interruption like any other.
        if (/slow consumer/i.test(status.error.message)) slow();
      }
    }
  }

  function slow(): void {
    stats.slowConsumer++;
    logger.warn("the bus finds this node too slow");
  }

  /** The library repeats later attempts for ever, but gives up on the first, and when a credentials file cannot be read. */
  async function dial(): Promise<void> {
    nats = undefined;
    for (let attempt = 0; !closing.signal.aborted; attempt++) {
      try {
        nats = await connect({
          ...connection,
          noEcho: true,
          timeout: dialMsMax,
          maxReconnectAttempts: -1,
          ignoreAuthErrorAbort: true,
          reconnectDelayHandler: () => retryMs(performance.now() - lostAt),
        });
        break;
      } catch (error) {
        if (attempt === 0) logger.warn({ reason: (error as Error).message }, "the bus cannot be reached");
        await delay(retryMs(performance.now() - lostAt), undefined, { signal: closing.signal }).catch(() => {});
      }
    }
    if (nats === undefined) return;
    if (closing.signal.aborted) return nats.close();
    void watch(nats);
    void nats.closed().then(() => {
      if (closing.signal.aborted) return;
      lose("the connection was closed");
      void dial();
    });
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
    get payloadMax() {
      return payloadMax;
    },

    publish: (subject, data, reply) => nats?.publish(subject, data, reply === undefined ? {} : { reply }),

    subscribe(subject, onMessage) {
      const entry = { onMessage, stop: nats && listen(nats, subject, onMessage) };
      subscriptions.set(subject, entry);
      return () => {
        if (subscriptions.get(subject) !== entry) return;
        subscriptions.delete(subject);
        if (nats?.isClosed() === false) entry.stop?.();
      };
    },

    confirm() {
      if (!connected) return Promise.resolve(false);
      // All who ask within one turn share one question.
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
      if (connected) await Promise.race([nats?.drain(), delay(dialMsMax, undefined, { ref: false })]);
      connected = false;
      for (const tell of [...waiting]) tell(false);
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
