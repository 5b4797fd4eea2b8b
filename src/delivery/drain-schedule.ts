/**
 * The schedule by which a node that shuts down closes its consumers. It spreads the closes over time, so that the
 * consumers do not all connect again at once.
 */

/**
 * Length of a time slot, in ms. The node closes one batch of consumers in each slot, at a random instant. Batches are
 * small, because delivery waits while a batch is closed.
 */
const slotMs = 50;

/**
 * Shortest time between two batches, in ms. A process that was held up closes its late batches at 5/3 of the mean speed
 * at most.
 */
const gapMsMin = 30;

/**
 * Fewest consumers that the node closes in a second. Without this limit a node with few consumers would take the whole
 * drain time.
 */
const perSecondMin = 10;

/**
 * Yields, again and again, how many of `count` consumers are due so far. The instants are random and spread evenly over
 * `overMs` ms. Yields nothing when `overMs` is 0. In any span of a second or more, at most twice the mean number
 * becomes due.
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
