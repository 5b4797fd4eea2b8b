/** Medians and how far the rounds lie apart. */

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Half of the distance between the extremes, as a part of the median. */
export function spread(values) {
  return (Math.max(...values) - Math.min(...values)) / 2 / median(values);
}

/** @returns {{ median: number, spread: number, count: number }} */
export const summary = (values) => ({ median: median(values), spread: spread(values), count: values.length });
