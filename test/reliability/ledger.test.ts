/**
 * Three nodes, one of them of two workers, under load while everything around them breaks: in the end every frame of every
 * socket is accounted for.
 * A short run is part of the suite; `RELIABILITY_SECONDS=60 RELIABILITY_SEED=1 npm run reliability` is a long one.
 */

import { expect, it, onTestFailed } from "vitest";
import { Random } from "../support/random.js";
import { lacks } from "../support/requirements.js";
import { scrape } from "../support/scrape.js";
import { type NodeProcess, startCluster } from "./cluster.js";
import { drive, summarize } from "./drive.js";
import { injectFaults } from "./faults.js";
import { settle } from "./settle.js";
import { renderSettlement } from "./table.js";

/** Of what is wrong; the table has the number of it. */
const shownMax = 20;
const seconds = Number(process.env.RELIABILITY_SECONDS ?? 12);
const seed = Number(process.env.RELIABILITY_SEED ?? Date.now() % 2 ** 31);

it.skipIf(await lacks("nats-server"))(
  `loses nothing without a word, whatever breaks (${seconds} s, seed ${seed})`,
  {
    timeout: (seconds + 120) * 1_000,
  },
  async () => {
    let waitingFor = "";
    const cluster = await startCluster([1, 1, 2], { SOCKET_PENDING_BYTES_MAX: "1048576", DRAIN_SECONDS: "0" });
    onTestFailed(() => console.error(`It waited for ${waitingFor}. The nodes said: ${cluster.health().join("; ")}`));
    const step = (what: string): void => {
      waitingFor = what;
    };
    try {
      const random = new Random(seed + 1);
      const books = await drive({
        cluster,
        sockets: 240,
        random,
        step,
        choose: () => random.pick(cluster.nodes).running,
        disturb: (stage) => injectFaults({ ...stage, cluster, random: new Random(seed), seconds, step }),
      });
      const settlement = settle(books);
      console.info(`${renderSettlement(settlement, books.faults)}\n\n${summarize(books)}`);
      const { duplicates, disordered, strangers, unexplained, total } = settlement;
      expect([...duplicates, ...disordered, ...strangers, ...unexplained].slice(0, shownMax)).toEqual([]);
      expect(total.delivered).toBeGreaterThan(0);
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
