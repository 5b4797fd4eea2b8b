/**
 * Stores accepted events in groups. All events of one turn of the event loop, and all that come while a group is being
 * stored, become one group, and so one commit. Groups are stored one after another, so events keep their order.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import type { Append } from "../store/webhook-queue.js";

/** Most events and most bytes of one transaction. A group with more is stored in several. */
const transactionEvents = 2_048;
const transactionBytes = 16 * 1024 * 1024;

interface Group {
  readonly appends: Append[];
  /** Number of events that were taken before the last event of this group, and it. */
  until: number;
  /** Resolves to whether the whole group is stored. Never rejects. */
  readonly stored: Promise<boolean>;
  end(stored: boolean): void;
}

export class GroupCommit {
  readonly #store: (appends: readonly Append[]) => Promise<void>;
  readonly #onFailure: (error: unknown, events: number) => void;
  #filling: Group | undefined;
  #storing: Group | undefined;
  #running = false;
  #taken = 0;
  /** Bytes of the events that are not stored yet. */
  #bytes = 0;
  /** The events up to this number are not all stored. */
  #failedUntil = 0;

  /** `onFailure` is called once for each group that is not stored. */
  constructor(
    store: (appends: readonly Append[]) => Promise<void>,
    onFailure: (error: unknown, events: number) => void,
  ) {
    this.#store = store;
    this.#onFailure = onFailure;
  }

  /** Number of events that were taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Bytes of the events that wait to be stored. The objects of an event count too. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  take(append: Append): void {
    this.#filling ??= newGroup();
    this.#bytes += bytesOf(append);
    this.#filling.appends.push(append);
    this.#filling.until = ++this.#taken;
    if (!this.#running) void this.#run();
  }

  /** Counts an event that is not going to be stored. */
  skip(): void {
    this.#failedUntil = ++this.#taken;
  }

  /**
   * Resolves to whether all events after the first `since` that were taken until now are stored. Undefined when none
   * was taken since.
   */
  stored(since: number): Promise<boolean> | undefined {
    if (this.#taken <= since) return undefined;
    if (this.#failedUntil > since) return Promise.resolve(false);
    const groups = [this.#storing, this.#filling].filter((group) => group !== undefined && group.until > since);
    const [first, second] = groups as Group[];
    if (first === undefined) return Promise.resolve(true);
    if (second === undefined) return first.stored;
    return Promise.all([first.stored, second.stored]).then((all) => all.every(Boolean));
  }

  /** Resolves when nothing waits to be stored. */
  async idle(): Promise<void> {
    await this.stored(0);
    while (this.#running) await nextTurn();
  }

  async #run(): Promise<void> {
    this.#running = true;
    await nextTurn();
    for (let group = this.#filling; group !== undefined; group = this.#filling) {
      this.#filling = undefined;
      this.#storing = group;
      let stored = true;
      try {
        for (const part of partsOf(group.appends)) await this.#store(part);
      } catch (error) {
        stored = false;
        this.#failedUntil = group.until;
        this.#onFailure(error, group.appends.length);
      }
      this.#storing = undefined;
      for (const append of group.appends) this.#bytes -= bytesOf(append);
      group.end(stored);
    }
    this.#running = false;
  }
}

/** Memory of the objects of an event beside its data and media, in bytes, roughly. */
const objectBytes = 512;

function bytesOf({ event: { data, media } }: Append): number {
  return objectBytes + data.length + (media?.length ?? 0);
}

function newGroup(): Group {
  let end: (stored: boolean) => void = () => {};
  const stored = new Promise<boolean>((resolve) => {
    end = resolve;
  });
  return { appends: [], until: 0, stored, end };
}

function* partsOf(appends: readonly Append[]): Generator<readonly Append[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, { event }] of appends.entries()) {
    bytes += event.data.length + (event.media?.length ?? 0);
    const full = index - from >= transactionEvents || bytes > transactionBytes;
    if (!full || index === from) continue;
    yield appends.slice(from, index);
    from = index;
    bytes = event.data.length + (event.media?.length ?? 0);
  }
  if (from < appends.length) yield appends.slice(from);
}
