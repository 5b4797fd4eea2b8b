/** Sockets that are to be closed but cannot be told why yet: what each of them waits for, and for how long. */

import { type Close, withoutCloseFrame } from "./close.js";
import { readingSeconds } from "./heartbeat.js";
import type { Subscriber } from "./subscriber.js";

/** A socket that the gateway closed. */
export interface ClosedSocket extends Close {
  readonly instanceId: string;
  /** The instance's name. */
  readonly instance: string;
  readonly openSeconds: number;
  /** Frames that uWebSockets or the kernel took for it. */
  readonly framesDelivered: number;
  /** What waited for it when the decision fell. */
  readonly waitingFrames: number;
  readonly waitingBytes: number;
  /** The close frame was handed over; it was cut without one; or its peer left before either. */
  readonly outcome: "told" | "cut" | "left";
}

interface Closing {
  readonly close: Close;
  readonly decided: Omit<ClosedSocket, "outcome" | "code" | "reason">;
  /** KiB that its group had been given by then. */
  readonly position: number;
  timer: NodeJS.Timeout | undefined;
  /** Its kernel takes bytes, and a ping waits there behind all frames. */
  asked: boolean;
}

/** KiB that need not be confirmed as read: a peer reads them within the time that uWebSockets leaves it. */
const unconfirmedMax = 64;
/** For the answer to the ping, beside the time for reading. */
const answerSeconds = 5;

/**
 * uWebSockets ends a socket 12 to 16 seconds behind its close frame, whatever its peer has still to read, and a peer that
 * says something later (a ping of its own) makes the kernel throw away what it did not send. So the close frame must not
 * stand behind megabytes. Two things are waited for: that the kernel takes anything at all, and then that a ping is
 * answered, which stands behind all frames.
 */
export class Closings {
  readonly #closings = new Map<Subscriber, Closing>();
  /** For the kernel to take something. Then the peer does not read: it is cut. */
  #blockedMs: number;
  /** For the ping to be answered, at most. Then the close frame is sent all the same. */
  #unreadMsMax = Number.POSITIVE_INFINITY;
  readonly #onClosed: (closed: ClosedSocket) => void;

  constructor(blockedMs: number, onClosed: (closed: ClosedSocket) => void) {
    this.#blockedMs = blockedMs;
    this.#onClosed = onClosed;
  }

  /** Once the socket has left its group, which gets no frames for it any more. What is parked is dropped. */
  start(subscriber: Subscriber, close: Close, decided: Closing["decided"]): void {
    const closing: Closing = { close, decided, position: subscriber.position, timer: undefined, asked: false };
    this.#closings.set(subscriber, closing);
    subscriber.drop();
    if (close.code === withoutCloseFrame) this.#cut(subscriber, closing);
    else if (subscriber.blocked) closing.timer = setTimeout(() => this.#cut(subscriber, closing), this.#blockedMs);
    else this.proceed(subscriber);
  }

  /** Its kernel took something, or its peer answered a ping. */
  proceed(subscriber: Subscriber): void {
    const closing = this.#closings.get(subscriber);
    if (closing === undefined || subscriber.blocked) return;
    const unconfirmed = closing.position - subscriber.confirmed;
    if (unconfirmed <= unconfirmedMax) {
      this.#tell(subscriber, closing);
      return;
    }
    if (!closing.asked) {
      closing.asked = true;
      clearTimeout(closing.timer);
      const ms = Math.min(readingSeconds(unconfirmed, answerSeconds) * 1000, this.#unreadMsMax);
      closing.timer = setTimeout(() => this.#tell(subscriber, closing), ms);
    }
    subscriber.ping();
  }

  /** From here on the node shuts down: nobody is waited for longer than `ms`. */
  hurry(ms: number): void {
    this.#blockedMs = Math.min(this.#blockedMs, ms);
    this.#unreadMsMax = Math.min(this.#unreadMsMax, ms);
    for (const [subscriber, closing] of this.#closings) {
      clearTimeout(closing.timer);
      const end = () => (subscriber.blocked ? this.#cut(subscriber, closing) : this.#tell(subscriber, closing));
      closing.timer = setTimeout(end, ms);
    }
  }

  /** Cuts one that was started, whatever it waits for. */
  giveUp(subscriber: Subscriber): void {
    const closing = this.#closings.get(subscriber);
    if (closing !== undefined) this.#cut(subscriber, closing);
  }

  /** The socket is gone. */
  gone(subscriber: Subscriber): void {
    const closing = this.#closings.get(subscriber);
    if (closing !== undefined) this.#end(subscriber, closing, "left");
  }

  #tell(subscriber: Subscriber, closing: Closing): void {
    this.#end(subscriber, closing, "told");
    subscriber.end(closing.close);
  }

  #cut(subscriber: Subscriber, closing: Closing): void {
    this.#end(subscriber, closing, "cut");
    subscriber.cut();
  }

  #end(subscriber: Subscriber, { close, decided, timer }: Closing, outcome: ClosedSocket["outcome"]): void {
    clearTimeout(timer);
    this.#closings.delete(subscriber);
    this.#onClosed({ ...close, ...decided, outcome });
  }
}
