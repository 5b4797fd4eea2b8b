/**
 * Lets consumers narrow what they get. A narrowed consumer changes from one stream of its instance to another one. It gets every event
 * that was accepted before the change from the first stream, and every later event from the second stream.
 *
 * A narrowing begins at the start of a turn. From then on both streams keep the frames that they accept (`PendingFrames.hold`), and give the
 * older ones as usual. When both have given their older frames, in this turn or in a later one, the consumer changes. Then both
 * streams go on.
 */

import type { Consumer } from "./consumer.js";
import { narrowedFrame } from "./control-frames.js";
import type { Stream } from "./stream.js";
import type { StreamRegistry } from "./stream-registry.js";

interface Narrowing {
  readonly consumer: Consumer;
  readonly from: Stream;
  readonly to: Stream;
}

export class Narrowings {
  readonly #registry: StreamRegistry;
  /** The event types that each consumer has asked for, until its narrowing begins. A later wish replaces an earlier one. */
  readonly #wanted = new Map<Consumer, number>();
  #begun: Narrowing[] = [];

  constructor(registry: StreamRegistry) {
    this.#registry = registry;
  }

  /** Notes the event types that a consumer wants from now on. */
  want(consumer: Consumer, types: number): void {
    this.#wanted.set(consumer, types);
  }

  /** Whether a narrowing could not begin yet, because another narrowing uses one of its streams. */
  get waiting(): boolean {
    return this.#wanted.size > 0;
  }

  /** Begins narrowings. Call it before the streams give the frames of a turn. */
  begin(): void {
    for (const [consumer, types] of this.#wanted) {
      const { stream: from } = consumer;
      if (isMember(consumer)) {
        if (from.pending.held) continue;
        const to = this.#registry.sibling(from, types);
        if (to.pending.held) continue;
        from.pending.hold();
        to.pending.hold();
        this.#begun.push({ consumer, from, to });
      }
      this.#wanted.delete(consumer);
    }
  }

  /** Ends narrowings. Call it after the streams gave the frames of a turn. Calls `onSlow` for a consumer for which too much waits now. */
  finish(onSlow: (consumer: Consumer) => void): void {
    if (this.#begun.length === 0) return;
    const begun = this.#begun;
    this.#begun = [];
    for (const narrowing of begun) {
      const { from, to } = narrowing;
      if (!from.pending.reached || !to.pending.reached) {
        this.#begun.push(narrowing);
        continue;
      }
      from.pending.release();
      to.pending.release();
      this.#change(narrowing, onSlow);
    }
  }

  #change({ consumer, to }: Narrowing, onSlow: (consumer: Consumer) => void): void {
    const frame = to.view.format.controlFrame?.(narrowedFrame(to.filter));
    if (frame === undefined || !isMember(consumer)) this.#registry.endIfEmpty(to);
    else if (!this.#registry.change(consumer, to, frame)) onSlow(consumer);
  }
}

/** Whether a consumer gets events: its connection is open, and no close was decided. */
function isMember(consumer: Consumer): boolean {
  return consumer.index !== -1;
}
