/**
 * The frames that a stream has accepted and not given to its consumers yet. A turn takes out as many as the fan-out
 * plans; the others, up to 2048, wait for later turns. During a narrowing, `hold` keeps the newer frames back.
 */

import type { FanOut } from "./fan-out.js";
import type { Frame } from "./frames/frame.js";

/**
 * Most frames of a stream that may wait for a later turn. When more frames wait, the stream writes the oldest of them
 * to each consumer in this turn. Such writes cost more than a broadcast, and so they hold up a producer that publishes
 * faster than the consumers are served. After any pause of the process a few hundred frames wait. With a limit that
 * low, the stream would never catch up.
 */
const carriedMax = 2048;

export class PendingFrames {
  #frames: Frame[] = [];
  /** How many of the frames may leave, while `hold` keeps the later ones. Undefined when all frames may leave. */
  #leaving: number | undefined;

  get length(): number {
    return this.#frames.length;
  }

  push(frame: Frame): void {
    this.#frames.push(frame);
  }

  /** Keeps the frames that are pushed from now on, until `release` is called. Older frames leave as usual. */
  hold(): void {
    this.#leaving = this.#frames.length;
  }

  release(): void {
    this.#leaving = undefined;
  }

  /** Whether `hold` was called, and `release` was not called since. */
  get held(): boolean {
    return this.#leaving !== undefined;
  }

  /** Whether all frames that were pending when `hold` was called have left. */
  get reached(): boolean {
    return this.#leaving === 0;
  }

  /**
   * Takes out the frames that leave in this turn: all that may leave if `all` is true, else as many as the fan-out plans.
   * `written` go to each consumer by a write, and then `broadcast` go to all consumers by one broadcast.
   */
  take(all: boolean, fanOut: Pick<FanOut<unknown>, "planTurn">): { written: Frame[]; broadcast: Frame[] } {
    const pending = this.#frames;
    const frames = this.#leaving === undefined ? pending : pending.slice(0, this.#leaving);
    const atOnce = all ? frames.length : Math.min(frames.length, Math.max(0, pending.length - carriedMax));
    const plan = fanOut.planTurn(frames, atOnce);
    this.#frames = pending.slice(plan.broadcast);
    if (this.#leaving !== undefined) this.#leaving -= plan.broadcast;
    return { written: frames.slice(0, plan.written), broadcast: frames.slice(plan.written, plan.broadcast) };
  }
}
