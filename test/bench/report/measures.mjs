/** The numbers that tables and bars are made of, from the samples of the workloads. */

import { median, summary } from "../driver/statistics.mjs";

/** @typedef {Record<string, any>} Results by name of the workload */

/**
 * What a system costs as a multiple of another one: the ratio inside each round, then over the rounds.
 * @param {any[]} samples
 * @param {string} key
 * @param {(sample: any) => boolean} [only]
 * @returns {{ median: number, spread: number, count: number } | undefined}
 */
export function compare(samples, system, base, key, only = () => true) {
  const byRound = new Map();
  for (const sample of samples) {
    if (!only(sample) || (sample.system !== system && sample.system !== base)) continue;
    const round = byRound.get(sample.round) ?? new Map();
    round.set(sample.system, [...(round.get(sample.system) ?? []), sample[key]]);
    byRound.set(sample.round, round);
  }
  const ratios = [];
  for (const round of byRound.values()) {
    if (round.has(system) && round.has(base)) ratios.push(median(round.get(system)) / median(round.get(base)));
  }
  return ratios.length === 0 ? undefined : summary(ratios);
}

/** What a frozen reader does to the p99 of the others: the ratio inside each pair of windows. */
export function frozenRatio(samples, system) {
  const windows = samples.filter((sample) => sample.system === system);
  const labelled = windows.map(({ freeze, ...window }) => ({ ...window, system: freeze ? "one frozen" : "all read" }));
  return compare(labelled, "one frozen", "all read", "p99");
}

/** The median of what one system did, or undefined when it was not there. */
export function middle(samples, key, only) {
  const values = samples.filter(only).map((sample) => sample[key]);
  return values.length === 0 ? undefined : median(values);
}
