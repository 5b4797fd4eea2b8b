/** The schedule by which a node that shuts down closes its consumers, so that they do not all come back at once. */

/**
 * Length of a time slot. Each slot has one batch, at a random instant of the slot. Batches are small, because delivery
 * waits while a batch is closed.
 */
const slotMs = 50;

/**
 * Shortest time between two batches. A process that was held up catches up at 5/3 of the mean speed at most, so never
 * at twice.
 */
const gapMsMin = 30;

/** Closes at least this many consumers a second, so that few consumers do not take the whole time. */
const perSecondMin = 10;

/**
 * Yields how many of `count` consumers are due so far, at random instants that are spread evenly over `overMs`. Yields
 * nothing when `overMs` is 0. In any span of a second or more, at most twice the mean become due.
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

/**
 * Shuffles the list in place (Fisher–Yates), so that the consumers of one instance are not closed one after the other.
 */
export function shuffle<T>(items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [items[i], items[j]] = [items[j] as T, items[i] as T];
  }
  return items;
}
