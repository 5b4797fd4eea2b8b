/** What a node process takes, as its own metrics tell: sampled, and compared between two windows of time. */

import { scrape } from "../support/scrape.js";
import type { NodeProcess } from "./cluster.js";

const MiB = 1024 * 1024;

/**
 * `slack` and `share`: how far the later median may be above the earlier one and still count as noise. Memory of a
 * process under churn swings by some MiB with the moment of a collection and with what slow sockets have waiting, and the
 * allocator keeps pages. Descriptors and handles follow the number of open sockets and calls.
 */
const gauges = {
  "resident memory (MiB)": { metric: "process_resident_memory_bytes", unit: MiB, share: 0.1, slack: 16 },
  "heap used (MiB)": { metric: "nodejs_heap_size_used_bytes", unit: MiB, share: 0.1, slack: 8 },
  "outside the heap (MiB)": { metric: "nodejs_external_memory_bytes", unit: MiB, share: 0.1, slack: 8 },
  handles: { metric: "nodejs_active_handles_total", unit: 1, share: 0.1, slack: 10 },
  "open files": { metric: "process_open_fds", unit: 1, share: 0.1, slack: 10 },
  sockets: { metric: "eventwire_sockets", unit: 1, share: 0.1, slack: 20 },
} as const;

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

export function median(samples: readonly Sample[], gauge: Gauge): number {
  const sorted = samples.map(({ values }) => values[gauge]).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Whether the figure has grown beyond noise. */
export function hasGrown(gauge: Gauge, early: number, late: number): boolean {
  const { share, slack } = gauges[gauge];
  return !(late <= early * (1 + share) + slack);
}
