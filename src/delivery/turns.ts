/** The turns of delivery: in each turn of the event loop, everything that has come about since the last one is done in a fixed order. */

import type { Consumer } from "./consumer.js";
import type { Stream } from "./stream.js";

/** What a turn does, in this order. */
export interface TurnSteps {
  /** Called for each consumer whose connection took waiting bytes: gives the consumer the older frames that waited for it. */
  resume(consumer: Consumer): void;
  /** Called once, before the streams give their frames. */
  prepare(): void;
  /**
   * Gives the waiting frames of a stream to its consumers: all of them if `all` is true, else as many as the fan-out plans
   * for one turn.
   */
  flush(stream: Stream, all: boolean): void;
  /** Called once, after the streams have given their frames. Returns whether another turn is needed. */
  conclude(): boolean;
  /** Called once, before the closes of the turn: closes consumers if too many bytes wait on the node. */
  relieve(): void;
}

export class Turns {
  readonly #steps: TurnSteps;
  /** The streams that have frames to give in the next turn. */
  #touched: Stream[] = [];
  /** The consumers whose connection took waiting bytes since the last turn. */
  #drained: Consumer[] = [];
  /** The closes to start at the end of the next turn, after the frames of the turn were given. */
  #endings: (() => void)[] = [];
  #scheduled = false;
  readonly #runNow = () => this.#run();

  constructor(steps: TurnSteps) {
    this.#steps = steps;
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#runNow);
  }

  /** Notes that a stream, which had no frames to give, has some now. The caller must also call `schedule`. */
  touch(stream: Stream): void {
    this.#touched.push(stream);
  }

  drained(consumer: Consumer): void {
    this.#drained.push(consumer);
    this.schedule();
  }

  atEnd(end: () => void): void {
    this.#endings.push(end);
    this.schedule();
  }

  #run(): void {
    this.#scheduled = false;
    const drained = this.#drained;
    this.#drained = [];
    for (const consumer of drained) this.#steps.resume(consumer);
    this.#steps.prepare();
    const endings = this.#endings;
    this.#endings = [];
    this.#flush(endings.length > 0);
    const unfinished = this.#steps.conclude();
    // Streams may have kept frames (`PendingFrames.hold`) until `conclude`. A close comes after these frames too.
    if (endings.length > 0) this.#flush(true);
    this.#steps.relieve();
    if (this.#touched.length > 0 || unfinished) this.schedule();
    for (const end of endings) end();
  }

  #flush(all: boolean): void {
    const streams = this.#touched;
    this.#touched = [];
    for (const stream of streams) {
      this.#steps.flush(stream, all);
      if (!stream.idle) this.#touched.push(stream);
    }
  }
}
