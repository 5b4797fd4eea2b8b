/**
 * The memory and handles of a node process, from its own metrics: sampled, and compared between two windows of time.
 */

import { scrape } from "../support/scrape.js";
import type { NodeProcess } from "./cluster.js";

const MiB = 1024 * 1024;

/** The figure of a window. For memory that holds garbage it is the minimum, which is what a collection leaves. */
const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
const least = (sorted: readonly number[]): number => sorted[0] ?? Number.NaN;

/**
 * `slack` is how far the later figure may exceed the earlier one, beside a tenth of it, and still count as noise. The
 * allocator keeps pages, frames wait for slow sockets, and descriptors follow the number of open sockets and calls.
 */
const gauges = {
  "resident memory (MiB)": { metric: "process_resident_memory_bytes", unit: MiB, of: median, slack: 16 },
  "heap used (MiB)": { metric: "nodejs_heap_size_used_bytes", unit: MiB, of: least, slack: 8 },
  "outside the heap (MiB)": { metric: "nodejs_external_memory_bytes", unit: MiB, of: least, slack: 8 },
  handles: { metric: "nodejs_active_handles_total", unit: 1, of: median, slack: 10 },
  "open files": { metric: "process_open_fds", unit: 1, of: median, slack: 10 },
  sockets: { metric: "eventwire_sockets", unit: 1, of: median, slack: 20 },
} as const;

const share = 0.1;

export type Gauge = keyof typeof gauges;
export const gaugeNames = Object.keys(gauges) as Gauge[];

export interface Sample {
  readonly at: number;
  readonly process: number;
  readonly values: Readonly<Record<Gauge, number>>;
}

export async function sample({ grpcUrl, number: process }: NodeProcess): Promise<Sample> {
  const raw = await scrape(grpcUrl, ...gaugeNames.map((name) => gauges[name].metric));
  const values = Object.fromEntries(gaugeNames.map((name, i) => [name, (raw[i] ?? 0) / gauges[name].unit]));
  return { at: Date.now(), process, values: values as Record<Gauge, number> };
}

/** One figure for a window of samples. */
export function figure(samples: readonly Sample[], gauge: Gauge): number {
  return gauges[gauge].of(samples.map(({ values }) => values[gauge]).sort((a, b) => a - b));
}

/** Whether it has grown beyond noise. */
export function hasGrown(gauge: Gauge, early: number, late: number): boolean {
  return !(late <= early * (1 + share) + gauges[gauge].slack);
}
