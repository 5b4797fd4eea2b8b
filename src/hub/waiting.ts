/** What waits for the blocked sockets of a node in all, and who goes first when it is too much. */

import type { Copies } from "./copies.js";
import type { Subscriber } from "./subscriber.js";

export class Waiting {
  /** Bytes of frames that the groups keep for their blocked sockets, each frame once however many wait for it. */
  frameBytes = 0;
  readonly copies: Copies;
  /** Those that are to be closed are not among them: nothing waits for them any more. */
  readonly blocked = new Set<Subscriber>();
  readonly #bytesMax: number;

  constructor(copies: Copies, bytesMax: number) {
    this.copies = copies;
    this.#bytesMax = bytesMax;
  }

  get tooMuch(): boolean {
    return this.frameBytes + this.copies.bytes - this.copies.leaving > this.#bytesMax;
  }

  largestFirst(): Subscriber[] {
    const sizes = [...this.blocked].map((subscriber) => ({ subscriber, bytes: subscriber.waitingBytes }));
    return sizes.sort((a, b) => b.bytes - a.bytes).map(({ subscriber }) => subscriber);
  }
}
