/**
 * Closes consumers whose peer cannot be sent the close reason at once. A closing waits until the peer can read the
 * reason, or until a time limit.
 */

import { type Close, withoutCloseFrame } from "../domain/closes.js";
import type { Consumer } from "./consumer.js";
import { closingFrame } from "./control-frames.js";
import { readingSeconds } from "./heartbeat.js";

/** What the gateway reports about a connection that it closed. */
export interface ClosedConsumer extends Close {
  /** The instance of the connection. Absent for a connection that got all instances of an account. */
  readonly instanceId?: string;
  /** The name of the instance. */
  readonly instance?: string;
  /** The account of a connection that got all instances of the account. */
  readonly accountId?: string;
  /** The id that the consumer was told in its `hello`. Absent for a consumer of the plain protocol. */
  readonly connection?: string;
  readonly openSeconds: number;
  /** How many frames the connection had taken when its close was decided. */
  readonly framesDelivered: number;
  /** How many frames waited for the consumer when its close was decided. */
  readonly waitingFrames: number;
  /** How many bytes waited for the consumer when its close was decided. */
  readonly waitingBytes: number;
  /** The position of the last event that the connection was handed. Undefined when there is none, or when it is not known. */
  readonly position?: string | undefined;
  /**
   * How the connection ended. `told`: the gateway sent the close reason. `cut`: the gateway cut the connection without
   * a reason. `left`: the peer closed first.
   */
  readonly outcome: "told" | "cut" | "left";
}

interface Closing {
  readonly close: Close;
  readonly decided: Omit<ClosedConsumer, "outcome" | "code" | "reason">;
  /** How many KiB the consumer's stream had been given when this closing started. */
  readonly given: number;
  timer: NodeJS.Timeout | undefined;
  /** Whether the consumer was sent the ping that stands after all its frames. */
  asked: boolean;
}

export interface ClosingsOptions {
  /**
   * How long, in ms, a connection may stay blocked after its close was decided. Then the connection is cut, because its
   * peer does not read.
   */
  readonly blockedMs: number;
  readonly onClosed: (closed: ClosedConsumer) => void;
  /** Called when the fan-out was told to end the connection, with a close reason or without. */
  readonly onEnded: (consumer: Consumer) => void;
}

/** How many seconds a peer gets to answer the ping, in addition to the time for reading. */
const answerSeconds = 5;

/**
 * Delays the close reason of a consumer until the peer can read it. A transport may cut the connection soon after the
 * reason (see `unreadMaxAtEnd`), so a peer with megabytes to read would never see it. A closing therefore waits for two
 * things: that the connection is not blocked, and then that the peer answers a ping. The ping stands after all frames.
 */
export class Closings {
  readonly #closings = new Map<Consumer, Closing>();
  #blockedMs: number;
  /**
   * The longest wait, in ms, until a peer answers the ping that stands after its frames. Then the close reason is sent
   * all the same.
   */
  #unreadMsMax = Number.POSITIVE_INFINITY;
  readonly #options: ClosingsOptions;

  constructor(options: ClosingsOptions) {
    this.#options = options;
    this.#blockedMs = options.blockedMs;
  }

  /**
   * Starts to close a consumer. The consumer must have left its stream, so that it gets no more frames. The frames that
   * wait for the consumer in the frame log are dropped.
   */
  start(consumer: Consumer, close: Close, decided: Closing["decided"]): void {
    const closing: Closing = { close, decided, given: consumer.given, timer: undefined, asked: false };
    this.#closings.set(consumer, closing);
    consumer.drop();
    if (close.code === withoutCloseFrame) this.#cut(consumer, closing);
    else if (consumer.blocked) closing.timer = setTimeout(() => this.#cut(consumer, closing), this.#blockedMs);
    else this.proceed(consumer);
  }

  /**
   * Goes on with the close of a consumer. Call `proceed` when its connection took bytes or when its peer answered a
   * ping. Does nothing for a consumer that is not being closed.
   */
  proceed(consumer: Consumer): void {
    const closing = this.#closings.get(consumer);
    if (closing === undefined || consumer.blocked) return;
    const unconfirmed = closing.given - consumer.confirmed;
    if (unconfirmed <= consumer.stream.fanOut.unreadMaxAtEnd) {
      this.#tell(consumer, closing);
      return;
    }
    if (!closing.asked) {
      closing.asked = true;
      clearTimeout(closing.timer);
      const ms = Math.min(readingSeconds(unconfirmed, answerSeconds) * 1000, this.#unreadMsMax);
      closing.timer = setTimeout(() => this.#tell(consumer, closing), ms);
    }
    consumer.ping();
  }

  /** Shortens all waits because the node shuts down. From now on no closing waits longer than `ms`. */
  hurry(ms: number): void {
    this.#blockedMs = Math.min(this.#blockedMs, ms);
    this.#unreadMsMax = Math.min(this.#unreadMsMax, ms);
    for (const [consumer, closing] of this.#closings) {
      clearTimeout(closing.timer);
      const end = () => (consumer.blocked ? this.#cut(consumer, closing) : this.#tell(consumer, closing));
      closing.timer = setTimeout(end, ms);
    }
  }

  /** Cuts the connection of a consumer that is being closed, whatever the closing waits for. */
  giveUp(consumer: Consumer): void {
    const closing = this.#closings.get(consumer);
    if (closing !== undefined) this.#cut(consumer, closing);
  }

  /** Ends the closing of a consumer whose connection is gone, because the peer closed first. */
  gone(consumer: Consumer): void {
    const closing = this.#closings.get(consumer);
    if (closing !== undefined) this.#end(consumer, closing, "left");
  }

  #tell(consumer: Consumer, closing: Closing): void {
    this.#end(consumer, closing, "told");
    const { close, decided } = closing;
    const frame = consumer.stream.view.format.controlFrame?.(closingFrame(close, decided));
    if (frame !== undefined) consumer.tell([frame]);
    consumer.end(close);
    this.#options.onEnded(consumer);
  }

  #cut(consumer: Consumer, closing: Closing): void {
    this.#end(consumer, closing, "cut");
    consumer.cut();
    this.#options.onEnded(consumer);
  }

  #end(consumer: Consumer, { close, decided, timer }: Closing, outcome: ClosedConsumer["outcome"]): void {
    clearTimeout(timer);
    this.#closings.delete(consumer);
    this.#options.onClosed({ ...close, ...decided, outcome });
  }
}
