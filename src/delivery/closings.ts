/** Consumers that have to be closed but cannot be told the reason yet: what each of them waits for, and how long. */

import { type Close, withoutCloseFrame } from "../domain/closes.js";
import type { Consumer } from "./consumer.js";
import { readingSeconds } from "./heartbeat.js";

/** A connection that the gateway closed. */
export interface ClosedConsumer extends Close {
  readonly instanceId: string;
  /** The instance's name. */
  readonly instance: string;
  readonly openSeconds: number;
  /** Frames that its connection took or holds. */
  readonly framesDelivered: number;
  /** The frames and bytes that waited for it when its close was decided. */
  readonly waitingFrames: number;
  readonly waitingBytes: number;
  /**
   * `told`: the reason was handed over. `cut`: the connection was cut without a reason. `left`: the peer closed first.
   */
  readonly outcome: "told" | "cut" | "left";
}

interface Closing {
  readonly close: Close;
  readonly decided: Omit<ClosedConsumer, "outcome" | "code" | "reason">;
  /** How many KiB the consumer's stream had been given when the closing started. */
  readonly given: number;
  timer: NodeJS.Timeout | undefined;
  /** Its connection takes bytes, and a ping waits there after all frames. */
  asked: boolean;
}

export interface ClosingsOptions {
  /** How long a connection may take nothing. Then its peer does not read: it is cut. */
  readonly blockedMs: number;
  readonly onClosed: (closed: ClosedConsumer) => void;
  /** Called when the consumer was sent its reason, or its connection was cut. The fan-out then ends the connection. */
  readonly onEnded: (consumer: Consumer) => void;
}

/** Time for the answer to the ping, beside the time for reading. */
const answerSeconds = 5;

/**
 * A transport may give a peer little time to read up to the close reason (`unreadMaxAtEnd`). So the reason must not
 * stand after megabytes. A closing waits for two things: that the connection takes bytes, and then that the peer
 * answers a ping, which stands after all frames.
 */
export class Closings {
  readonly #closings = new Map<Consumer, Closing>();
  #blockedMs: number;
  /** For the ping to be answered, at most. Then the reason is sent all the same. */
  #unreadMsMax = Number.POSITIVE_INFINITY;
  readonly #options: ClosingsOptions;

  constructor(options: ClosingsOptions) {
    this.#options = options;
    this.#blockedMs = options.blockedMs;
  }

  /** Once the consumer has left its stream, which gives it no frames any more. What is parked is dropped. */
  start(consumer: Consumer, close: Close, decided: Closing["decided"]): void {
    const closing: Closing = { close, decided, given: consumer.given, timer: undefined, asked: false };
    this.#closings.set(consumer, closing);
    consumer.drop();
    if (close.code === withoutCloseFrame) this.#cut(consumer, closing);
    else if (consumer.blocked) closing.timer = setTimeout(() => this.#cut(consumer, closing), this.#blockedMs);
    else this.proceed(consumer);
  }

  /** Its connection took something, or its peer answered a ping. */
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

  /** Tells that the node shuts down. From now on no closing waits longer than `ms`. */
  hurry(ms: number): void {
    this.#blockedMs = Math.min(this.#blockedMs, ms);
    this.#unreadMsMax = Math.min(this.#unreadMsMax, ms);
    for (const [consumer, closing] of this.#closings) {
      clearTimeout(closing.timer);
      const end = () => (consumer.blocked ? this.#cut(consumer, closing) : this.#tell(consumer, closing));
      closing.timer = setTimeout(end, ms);
    }
  }

  /** Cuts a consumer whose closing was started, whatever it waits for. */
  giveUp(consumer: Consumer): void {
    const closing = this.#closings.get(consumer);
    if (closing !== undefined) this.#cut(consumer, closing);
  }

  /** The connection is gone. */
  gone(consumer: Consumer): void {
    const closing = this.#closings.get(consumer);
    if (closing !== undefined) this.#end(consumer, closing, "left");
  }

  #tell(consumer: Consumer, closing: Closing): void {
    this.#end(consumer, closing, "told");
    consumer.end(closing.close);
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
