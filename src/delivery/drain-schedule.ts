/** The schedule by which a node that shuts down lets go of its consumers, so that they do not all come back at once. */

/** Each slot has one batch, at a random instant: small batches, since delivery waits while one is closed. */
const slotMs = 50;

/** Between two batches. When the process was held up it makes good at 5/3 of the mean at most, never twice. */
const gapMsMin = 30;

/** Few consumers do not take all the time there is. */
const perSecondMin = 10;

/**
 * Yields, at jittered instants spread evenly over `overMs`, how many of `count` are due since the begin; nothing when
 * `overMs` is 0. In no span of a second or more becomes more than twice the mean due.
 */
export async function* drainSchedule(count: number, overMs: number): AsyncGenerator<number> {
  const slots = Math.ceil(Math.min(overMs, (count / perSecondMin) * 1000) / slotMs);
  const startedAt = performance.now();
  for (let slot = 0; slot < slots; slot++) {
    const instant = startedAt + (slot + Math.random()) * slotMs;
    await delay(Math.max(instant - performance.now(), gapMsMin));
    yield Math.floor((count * (slot + 1)) / slots);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** In random order (Fisher–Yates), in place: the consumers of one instance shall not go one after the other. */
export function shuffle<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}
