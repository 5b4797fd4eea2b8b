/**
 * Gathers the events that a scope has missed in one turn of the event loop, so that a consumer is told of them in one gap. A gap for
 * each event could be more than may wait for a consumer.
 */

import type { HistoryGap, HistoryScope } from "./history.js";

export class TurnGaps {
  readonly #onGap: (gap: HistoryGap) => void;
  readonly #gaps = new Map<HistoryScope, { from: number; until: number }>();

  constructor(onGap: (gap: HistoryGap) => void) {
    this.#onGap = onGap;
  }

  /** Notes an event of a scope. `time`: when it was accepted, in milliseconds since 1970. */
  add(scope: HistoryScope, time: number): void {
    if (this.#gaps.size === 0) setImmediate(() => this.#tell());
    const gap = this.#gaps.get(scope);
    if (gap === undefined) this.#gaps.set(scope, { from: time, until: time });
    else Object.assign(gap, { from: Math.min(gap.from, time), until: Math.max(gap.until, time) });
  }

  #tell(): void {
    for (const [scope, { from, until }] of this.#gaps) this.#onGap(gapOf(scope, from, until));
    this.#gaps.clear();
  }
}

/** Makes the gap of a scope from a time on until now, or until a later time. Times are in milliseconds since 1970. */
export function gapOf({ accountId, instanceId }: HistoryScope, from: number, until = from): HistoryGap {
  const whose = { accountId, ...(instanceId !== "" && { instanceId }) };
  return { reason: "history_interrupted", from, until: Math.max(until, Date.now()), ...whose };
}
