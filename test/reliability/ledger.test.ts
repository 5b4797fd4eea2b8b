/**
 * Three nodes under load while everything around them breaks: in the end every frame of every socket is accounted for.
 * A short run is part of the suite; `RELIABILITY_SECONDS=60 RELIABILITY_SEED=1 npm run reliability` is a long one.
 */

import { expect, it } from "vitest";
import { hasNatsServer } from "../support/nats-server.js";
import { Random } from "../support/random.js";
import { scrape } from "../support/scrape.js";
import type { Books, Publication } from "./books.js";
import { makeChannels } from "./channels.js";
import { type Cluster, type NodeProcess, startCluster } from "./cluster.js";
import { injectFaults } from "./faults.js";
import { publishMarkers, publishOverRest, publishOverStream } from "./publishers.js";
import { startReaders } from "./readers.js";
import { settle } from "./settle.js";
import { renderSettlement } from "./table.js";

const seconds = Number(process.env.RELIABILITY_SECONDS ?? 12);
const seed = Number(process.env.RELIABILITY_SEED ?? Date.now() % 2 ** 31);
const sockets = 240;

it.skipIf(!hasNatsServer)(
  `loses nothing without a word, whatever breaks (${seconds} s, seed ${seed})`,
  {
    timeout: (seconds + 120) * 1_000,
  },
  async () => {
    const cluster = await startCluster(3, { SOCKET_PENDING_BYTES_MAX: "1048576", DRAIN_SECONDS: "0" });
    try {
      const books = await run(cluster);
      const settlement = settle(books);
      const { duplicates, disordered, strangers, unexplained, total } = settlement;
      console.info(`${renderSettlement(settlement, books.faults)}\n${summary(books)}`);
      expect({ duplicates, disordered, strangers, unexplained }).toEqual({
        duplicates: [],
        disordered: [],
        strangers: [],
        unexplained: [],
      });
      expect(total.delivered).toBeGreaterThan(0);
      for (const process of cluster.nodes.map(({ running }) => running as NodeProcess)) {
        const [counted] = await scrape(process.grpcUrl, "eventwire_bus_interruptions_total");
        expect(books.interruptions.filter((one) => one.process === process.number)).toHaveLength(counted ?? -1);
      }
    } finally {
      await cluster.close();
    }
  },
);

async function run(cluster: Cluster): Promise<Books> {
  const channels = await makeChannels(cluster, 13);
  const heavy = channels.at(-1) as (typeof channels)[number];
  const published = channels.map(() => new Map<number, Publication[]>());
  const random = new Random(seed);
  const choose = () => random.pick(cluster.nodes).running;
  const readers = startReaders({ cluster, channels, count: sockets, random: new Random(seed + 1), choose });
  await readers.allOpen();

  const end = Date.now() + seconds * 1_000;
  const over = () => Date.now() > end;
  const publishers = cluster.nodes.flatMap((node) => {
    const options = { cluster, node, channels, published, random, over };
    return [
      publishOverRest({ ...options, pauseMs: 20 }),
      publishOverRest({ ...options, pauseMs: 30 }),
      publishOverStream({ ...options, pauseMs: 60 }),
      publishOverStream({ ...options, channels: [heavy], pauseMs: 300 }),
    ];
  });
  const faults = await injectFaults({ cluster, readers, heavy, random: new Random(seed), over });
  await Promise.all(publishers);

  await cluster.healthy();
  await readers.allOpen();
  const marked = cluster.nodes.map((node) => {
    const process = node.running as NodeProcess;
    return publishMarkers({ cluster, node, process, channels, published, random, pauseMs: 0, over: () => false });
  });
  await readers.caughtUp((await Promise.all(marked)).flat());
  const books = { published, lives: readers.lives, interruptions: cluster.interruptions(), faults };
  await readers.close();
  return books;
}

function summary({ published, lives, interruptions }: Books): string {
  const answers = new Map<string, number>();
  for (const { answer } of published.flatMap((publishers) => [...publishers.values()].flat()))
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  const codes = new Map<number, number>();
  for (const { closed } of lives) if (closed) codes.set(closed.code, (codes.get(closed.code) ?? 0) + 1);
  const ended = interruptions.filter(({ until }) => Number.isFinite(until));
  const ms = ended.reduce((sum, { from, until }) => sum + until - from, 0);
  return [
    `answers: ${list(answers)}`,
    `sockets: ${lives.length} lives of ${sockets} readers; closes by code: ${list(codes)}`,
    `interruptions: ${interruptions.length}, ${ms / 1_000} s in all`,
  ].join("\n");
}

function list(counts: ReadonlyMap<string | number, number>): string {
  return [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
}
