/** A seeded source of choices, so that a failing run can be repeated. */

export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  /** An integer from 0 up to and without `n` (mulberry32). */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** Bytes of padding: mostly small, around the limits at which delivery changes its way, rarely up to 4 MiB. */
  size(): number {
    const dice = this.below(1_000);
    if (dice < 700) return this.below(1_000);
    if (dice < 900) return this.below(20_000);
    if (dice < 985) return 15_000 + this.below(5_000);
    if (dice < 999) return this.below(300_000);
    return this.below(4 * 1024 * 1024);
  }
}
