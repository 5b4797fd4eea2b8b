/**
 * Lets consumers narrow what they get. A narrowed consumer changes from one stream of its group to another one. It gets every event
 * that was accepted before the change from the first stream, and every later event from the second stream.
 *
 * The narrowings of a group begin together at the start of a turn. From then on their streams keep the frames that they accept
 * (`PendingFrames.hold`), and give the older ones as usual. When all of these streams have given their older frames, in this turn or
 * in a later one, the consumers change. Then the streams go on.
 */

import type { Consumer } from "./consumer.js";
import { narrowedFrame } from "./control-frames.js";
import type { Begun } from "./conversations.js";
import type { Stream } from "./stream.js";
import type { StreamGroup } from "./stream-group.js";
import type { StreamRegistry } from "./stream-registry.js";

interface Narrowing {
  readonly consumer: Consumer;
  readonly from: Stream;
  readonly to: Stream;
  /** The position of the last event before the change. */
  readonly position: string | undefined;
}

export class Narrowings {
  readonly #registry: StreamRegistry;
  readonly #onChanged: (consumer: Consumer, begun: Begun) => void;
  /** The event types that each consumer has asked for, until its narrowing begins. A later wish replaces an earlier one. */
  readonly #wanted = new Map<Consumer, number>();
  /** The narrowings that have begun, by the group of their streams. */
  readonly #begun = new Map<StreamGroup, Narrowing[]>();

  /** `onChanged` is called when a consumer changes its stream. */
  constructor(registry: StreamRegistry, onChanged: (consumer: Consumer, begun: Begun) => void) {
    this.#registry = registry;
    this.#onChanged = onChanged;
  }

  /** Notes the event types that a consumer wants from now on. */
  want(consumer: Consumer, types: number): void {
    this.#wanted.set(consumer, types);
  }

  /** Whether a narrowing could not begin yet, because earlier narrowings of its group have not ended. */
  get waiting(): boolean {
    return this.#wanted.size > 0;
  }

  /** Begins narrowings. Call it before the streams give the frames of a turn. */
  begin(): void {
    if (this.#wanted.size === 0) return;
    const busy = new Set(this.#begun.keys());
    for (const [consumer, types] of this.#wanted) {
      const { stream: from } = consumer;
      const { group } = from;
      if (busy.has(group)) continue;
      this.#wanted.delete(consumer);
      if (!isMember(consumer)) continue;
      const to = this.#registry.sibling(from, types);
      from.pending.hold();
      to.pending.hold();
      const narrowings = this.#begun.get(group);
      const narrowing = { consumer, from, to, position: group.position };
      if (narrowings === undefined) this.#begun.set(group, [narrowing]);
      else narrowings.push(narrowing);
    }
  }

  /** Ends narrowings. Call it after the streams gave the frames of a turn. Calls `onSlow` for a consumer for which too much waits now. */
  finish(onSlow: (consumer: Consumer) => void): void {
    for (const [group, narrowings] of this.#begun) {
      const streams = new Set(narrowings.flatMap(({ from, to }) => [from, to]));
      if (![...streams].every(({ pending }) => pending.reached)) continue;
      this.#begun.delete(group);
      const slow = narrowings.filter((narrowing) => !this.#change(narrowing)).map(({ consumer }) => consumer);
      for (const stream of streams) {
        stream.pending.release();
        this.#registry.endIfEmpty(stream);
      }
      slow.forEach(onSlow);
    }
  }

  /** False when too much waits for the consumer now. */
  #change({ consumer, to, position }: Narrowing): boolean {
    const frame = to.view.format.controlFrame?.(narrowedFrame(to.filter));
    if (frame === undefined || !isMember(consumer)) return true;
    this.#onChanged(consumer, { offset: to.log.end, position });
    return to.change(consumer, frame);
  }
}

/** Whether a consumer gets events: its connection is open, and no close was decided. */
function isMember(consumer: Consumer): boolean {
  return consumer.index !== -1;
}
