/**
 * Two nodes under churn for as long as `SOAK_MINUTES` says: what they take at the end is what they took after a sixth of
 * that time (five minutes of thirty). Only run by `npm run soak`.
 */

import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { Random } from "../support/random.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";
import { makeChannels } from "./channels.js";
import { churn } from "./churn.js";
import { type Cluster, type NodeProcess, startCluster } from "./cluster.js";
import { figure, type Gauge, gaugeNames, hasGrown, type Sample, sample } from "./footprint.js";

const minutes = Number(process.env.SOAK_MINUTES ?? 0);
const soakMs = minutes * 60_000;
const warmUpMs = soakMs / 6;
const windowMs = soakMs / 15;
const sampleMs = Math.min(5_000, windowMs / 8);

it.skipIf(await lacks("nats-server"))(
  `takes no more after ${minutes} minutes of churn than after a sixth of them`,
  {
    timeout: soakMs + 180_000,
  },
  async () => {
    const cluster = await startCluster([1, 1], {
      SOCKET_PENDING_BYTES_MAX: "1048576",
      RATE_LIMIT_GLOBAL: "1000000000",
    });
    try {
      const channels = await makeChannels(cluster, 9);
      const atRest = await sampleAll(cluster);
      const samples: Sample[] = [];
      const begin = Date.now();
      const over = (): boolean => Date.now() - begin > soakMs;
      const churning = churn({ cluster, channels, random: new Random(1), sockets: 200, over });
      while (!over()) {
        samples.push(...(await sampleAll(cluster)));
        await delay(sampleMs);
      }
      const deeds = await churning;
      await until(async () => (await sampleAll(cluster)).every(({ values }) => values.sockets === 0));
      const after = await sampleAll(cluster);
      console.info(`${[...deeds].map(([what, times]) => `${what}: ${times.toLocaleString("en")}`).join("; ")}\n`);

      const grown: string[] = [];
      const lines = [
        "| node | figure | at rest before | early | middle | late | at rest after |",
        `| --- |${" --- |".repeat(6)}`,
      ];
      for (const [i, { running }] of cluster.nodes.entries()) {
        const mine = samples.filter(({ process }) => process === running?.number);
        const within = (from: number): Sample[] =>
          mine.filter(({ at }) => at - begin >= from && at - begin < from + windowMs);
        for (const gauge of gaugeNames) {
          const [early, middle, late] = [warmUpMs, soakMs / 2, soakMs - windowMs].map((from) =>
            figure(within(from), gauge),
          ) as [number, number, number];
          const figures = [atRest[i]?.values[gauge], early, middle, late, after[i]?.values[gauge]];
          lines.push(`| ${i + 1} | ${gauge} | ${figures.map((value) => value?.toFixed(0)).join(" | ")} |`);
          if (hasGrown(gauge, early, late)) grown.push(`node ${i + 1}: ${gauge} from ${early} to ${late}`);
        }
      }
      console.info(lines.join("\n"));
      expect(grown).toEqual([]);
      const files: Gauge = "open files";
      for (const [i, { values }] of after.entries())
        expect(hasGrown(files, atRest[i]?.values[files] ?? 0, values[files])).toBe(false);
    } finally {
      await cluster.close();
    }
  },
);

function sampleAll(cluster: Cluster): Promise<Sample[]> {
  return Promise.all(cluster.nodes.map(({ running }) => sample(running as NodeProcess)));
}
