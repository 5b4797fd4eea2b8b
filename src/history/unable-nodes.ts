/**
 * Knows whether some node cannot keep events. Such a node says so to all nodes over the bus, and stands for a name for as long, so
 * that later nodes can ask. A node of release 0.1.0 keeps no events either.
 */

import type { NodeTalk } from "../bus/node-talk.js";

const unable = "unable";
const newlyUnable = "unable.now";

export class UnableNodes {
  readonly #talk: NodeTalk;
  #present = false;
  /** Counts the messages of unable nodes. An answer to an older question than the last message is worth nothing. */
  #messages = 0;
  #asking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #withdraw: (() => void) | undefined;

  /** `onUnable`: called when another node says that it cannot keep events. */
  constructor(talk: NodeTalk, onUnable: () => void) {
    this.#talk = talk;
    talk.hear(newlyUnable, () => {
      this.#present = true;
      this.#messages++;
      onUnable();
    });
  }

  /** Whether another node cannot keep events, as far as this node has heard. */
  get present(): boolean {
    return this.#present;
  }

  /**
   * Finds out whether another node cannot keep events. Resolves when `present` is up to date, or when the bus is away. A call during a
   * question waits for the next one, which calls share. Never rejects.
   */
  ask(): Promise<void> {
    if (this.#asking === undefined) return this.#askNow();
    this.#next ??= this.#asking.then(() => this.#askNow());
    return this.#next;
  }

  /** Tells all nodes that this node cannot keep events, until `withdraw` is called. Does nothing when they were told. */
  declare(): void {
    this.#withdraw ??= this.#talk.standFor(unable, newlyUnable);
  }

  withdraw(): void {
    this.#withdraw?.();
    this.#withdraw = undefined;
  }

  #askNow(): Promise<void> {
    this.#next = undefined;
    this.#asking = this.#askOnce().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askOnce(): Promise<void> {
    const before = this.#messages;
    const answer = await this.#talk.somebodyStandsFor(unable);
    if (answer !== undefined && this.#messages === before) this.#present = answer;
  }
}
