/**
 * Three nodes, one of them of two workers, under load while everything around them breaks: in the end every frame of every
 * connection is accounted for, every consumer of `eventwire.v1` knows itself what it missed, and every webhook has its events.
 * A minute is part of the suite; `RELIABILITY_SECONDS=3600 RELIABILITY_SEED=1 npm run reliability` is a long run.
 */

import { expect, it, onTestFailed } from "vitest";
import { Random } from "../support/random.js";
import { lacks } from "../support/requirements.js";
import { scrape } from "../support/scrape.js";
import { type NodeProcess, startCluster } from "./cluster.js";
import { drive } from "./drive.js";
import { injectFaults } from "./faults.js";
import { shortHistory } from "./history-kept.js";
import { expectNoViolation } from "./verdict.js";
import { startWebhookLedger, webhookSettings } from "./webhooks/webhook-ledger.js";

const seconds = Number(process.env.RELIABILITY_SECONDS ?? 60);
const seed = Number(process.env.RELIABILITY_SEED ?? Date.now() % 2 ** 31);

it.skipIf(await lacks("nats-server"))(
  `loses nothing without a word, whatever breaks (${seconds} s, seed ${seed})`,
  {
    timeout: (1.1 * seconds + 120) * 1_000,
  },
  async () => {
    let waitingFor = "";
    const cluster = await startCluster([1, 1, 2], {
      SOCKET_PENDING_BYTES_MAX: "1048576",
      DRAIN_SECONDS: "0",
      ...webhookSettings,
      ...shortHistory,
    });
    onTestFailed(() => console.error(`It waited for ${waitingFor}. The nodes said: ${cluster.health().join("; ")}`));
    const step = (what: string): void => {
      waitingFor = what;
    };
    try {
      const random = new Random(seed + 1);
      const webhooks = await startWebhookLedger({ cluster, random: new Random(seed + 2), seconds, step });
      const books = await drive({
        cluster,
        crowd: { plain: 104, v1: 78 },
        random,
        step,
        choose: () => random.pick(cluster.nodes).running,
        disturb: async (stage) => {
          await webhooks.set(stage.channels);
          const breaking = injectFaults({ ...stage, cluster, random: new Random(seed), seconds, step });
          const [faults] = await Promise.all([breaking, webhooks.disturb()]);
          return faults;
        },
      });
      expectNoViolation(books, await webhooks.settle(books));
      for (const process of cluster.nodes.map(({ running }) => running as NodeProcess)) {
        const [counted = -1] = await scrape(process.grpcUrl, "eventwire_bus_interruptions_total");
        const logged = books.interruptions.filter((one) => one.process === process.number).length;
        // What a worker that was killed had counted since the last scrape went with it.
        if (process.workers > 1) expect(counted).toBeLessThanOrEqual(logged);
        else expect(logged).toBe(counted);
      }
    } finally {
      await cluster.close();
    }
  },
);
