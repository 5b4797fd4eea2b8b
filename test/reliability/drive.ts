/** Hundreds of readers, and publishers at every node, while something is done to them; then the books, when nothing is under way any more. */

import type { Random } from "../support/random.js";
import type { Books, Fault, Publication } from "./books.js";
import { type Channel, makeChannels } from "./channels.js";
import type { Cluster, NodeProcess } from "./cluster.js";
import type { Crowd } from "./crowd.js";
import { historyKept } from "./history-kept.js";
import { publishMarkers, publishOverRest, publishOverStream } from "./publishers.js";
import { type Readers, startReaders } from "./readers.js";

export interface Stage {
  readonly readers: Readers;
  readonly channels: readonly Channel[];
  /** The one with large frames. */
  readonly heavy: Channel;
}

/**
 * `choose`: see `startReaders`. `disturb` is to leave every node running; publishing goes on until it resolves. `step` hears what
 * is waited for from then on.
 */
export async function drive(options: {
  cluster: Cluster;
  crowd: Crowd;
  random: Random;
  choose: () => NodeProcess | undefined;
  disturb: (stage: Stage) => Promise<readonly Fault[]>;
  step?: (what: string) => void;
}): Promise<Books> {
  const { cluster, crowd, random, choose, disturb, step = () => {} } = options;
  step("the first connections");
  const channels = await makeChannels(cluster, 13);
  const heavy = channels.at(-1) as Channel;
  const published = channels.map(() => new Map<number, Publication[]>());
  const readers = startReaders({ cluster, channels, crowd, random, choose });
  await readers.allOpen();

  let over = false;
  const publishers = cluster.nodes.flatMap((node) => {
    const common = { cluster, node, channels, published, random, over: () => over };
    return [
      publishOverRest({ ...common, pauseMs: 50 }),
      publishOverRest({ ...common, pauseMs: 70 }),
      publishOverStream({ ...common, pauseMs: 150 }),
      publishOverStream({ ...common, channels: [heavy], pauseMs: 450 }),
    ];
  });
  const faults = await disturb({ readers, channels, heavy }).finally(() => {
    over = true;
  });
  step("the last answers to publishers");
  await Promise.all(publishers);

  step("healthy nodes");
  await cluster.healthy();
  step("open connections");
  await readers.allOpen();
  step("the history");
  await historyKept(cluster, heavy);
  step("the answers to consumers that narrow");
  await readers.rest();
  const markers = cluster.nodes.map((node) => {
    const process = node.running as NodeProcess;
    return publishMarkers({ cluster, node, process, channels, published, random, pauseMs: 0, over: () => false });
  });
  step("the markers");
  await readers.caughtUp((await Promise.all(markers)).flat());
  const severalWorkers = new Set(cluster.processes.filter(({ workers }) => workers > 1).map(({ number }) => number));
  const { lives, resuming } = readers;
  const { deaths } = cluster;
  const books = { published, lives, resuming, interruptions: cluster.interruptions(), deaths, severalWorkers, faults };
  await readers.close();
  return books;
}

/** What the table does not show. */
export function summarize({ published, lives, interruptions }: Books): string {
  const publications = published.flatMap((publishers) => [...publishers.values()].flat());
  const kinds = [...new Set(lives.map(({ kind }) => kind))].map((kind) => {
    const ours = lives.filter((life) => life.kind === kind);
    const ends = ours.flatMap(({ closed }) => (closed === undefined ? [] : [closed.cut ? "cut by us" : closed.code]));
    return `${kind}: ${ours.length.toLocaleString("en")} opened; ended with ${count(ends)}.`;
  });
  const told = lives.flatMap((life) => life.told ?? []);
  const narrowings = told.reduce((sum, { filters }) => sum + filters.length - 1, 0);
  const gaps = told.reduce((sum, one) => sum + one.gaps.length, 0);
  const ended = interruptions.filter(({ until }) => Number.isFinite(until));
  const ms = ended.reduce((sum, { from, until }) => sum + until - from, 0);
  return [
    `Answers: ${count(publications.map(({ answer }) => answer))}.`,
    ...kinds,
    `Narrowed: ${narrowings.toLocaleString("en")}. Gaps told: ${gaps.toLocaleString("en")}.`,
    `Interruptions logged: ${interruptions.length}, ${(ms / 1_000).toFixed(1)} s in all: ${count(interruptions.map(({ reason }) => reason))}.`,
  ].join("\n");
}

/** Says how often each value is there. */
export function count(values: readonly (string | number)[]): string {
  const counts = new Map<string | number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, times]) => `${value} ${times.toLocaleString("en")}`).join(", ") || "none";
}
