/** How the last connections of this node ended, in memory, for as long as events are kept. */

import type { KeptClose } from "./history.js";

interface Entry {
  readonly close: KeptClose;
  /** When the entry expires, on the clock of `performance.now()`. */
  readonly until: number;
}

/** Most entries, of some 300 bytes each. With more, the oldest are forgotten. */
const entriesMax = 100_000;

export class RecentCloses {
  readonly #ms: number;
  /** By connection id, the oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(seconds: number) {
    this.#ms = seconds * 1000;
  }

  add(connection: string, close: KeptClose): void {
    const now = performance.now();
    for (const [oldest, { until }] of this.#entries) {
      if (until > now && this.#entries.size < entriesMax) break;
      this.#entries.delete(oldest);
    }
    this.#entries.set(connection, { close, until: now + this.#ms });
  }

  get(connection: string): KeptClose | undefined {
    const entry = this.#entries.get(connection);
    return entry !== undefined && entry.until > performance.now() ? entry.close : undefined;
  }
}
