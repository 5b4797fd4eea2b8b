/** Two nodes that are restarted one after the other under load: nobody notices but by a close that says come back. */

import { expect, it, onTestFailed, onTestFinished } from "vitest";
import { Random } from "../support/random.js";
import { lacks } from "../support/requirements.js";
import type { Fault } from "./books.js";
import { type Cluster, type Node, type NodeProcess, startCluster } from "./cluster.js";
import { drive } from "./drive.js";
import { expectNoViolation } from "./verdict.js";

const drainSeconds = 4;

it.skipIf(await lacks("nats-server"))(
  "a rolling restart loses nothing, and never brings back more than twice the mean",
  {
    timeout: 120_000,
  },
  async () => {
    const cluster = await startCluster([1, 1], { DRAIN_SECONDS: String(drainSeconds) });
    let waitingFor = "";
    const step = (what: string): void => {
      waitingFor = what;
    };
    onTestFailed(() => console.error(`It waited for ${waitingFor}. The nodes said: ${cluster.health().join("; ")}`));
    const draining = new Set<Node>();
    const random = new Random(1);
    const heldUp = watchHoldUps();
    try {
      const books = await drive({
        cluster,
        crowd: { plain: 180, v1: 60 },
        random,
        step,
        // As a balancer does that asks for readiness.
        choose: () => random.pick(cluster.nodes.filter((node) => !draining.has(node))).running,
        disturb: async ({ readers }) => {
          const faults: Fault[] = [];
          for (const node of cluster.nodes) {
            faults.push({ kind: "a node drained and started again (SIGTERM)", at: Date.now() });
            await restart(cluster, node, draining, step);
            step("sockets that come back");
            await readers.allOpen();
          }
          return faults;
        },
      });

      const { plain, v1 } = expectNoViolation(books);
      const closes = books.lives.flatMap(({ closed }) => (closed === undefined ? [] : [closed]));
      expect([plain.total.interrupted, v1.total.gap]).toEqual([0, 0]);
      expect(new Set(closes.map(({ reason }) => reason))).toEqual(new Set(["shutting down"]));

      for (const [i, { at }] of books.faults.entries()) {
        const until = books.faults[i + 1]?.at ?? Number.POSITIVE_INFINITY;
        const returns = books.lives.map(({ openedAt }) => openedAt).filter((time) => time > at && time < until);
        const mean = returns.length / drainSeconds;
        const most = mostPerSecond(returns);
        console.info(`Came back: ${returns.length}, ${mean} a second in the mean, ${most} at most.`);
        expect(returns.length).toBeGreaterThan(0);
        expect(most).toBeLessThanOrEqual(2 * mean * (1 + heldUp() / 1_000));
      }
    } finally {
      await cluster.close();
    }
  },
);

async function restart(cluster: Cluster, node: Node, draining: Set<Node>, step: (what: string) => void): Promise<void> {
  step("the end of a node");
  draining.add(node);
  expect(await cluster.stop(node.running as NodeProcess)).toBe(0);
  node.running = undefined;
  step("the start of a node");
  await cluster.start(node);
  step("healthy nodes after a restart");
  await cluster.healthy();
  draining.delete(node);
}

/** For how long this process was held up at most, in milliseconds: it may have seen sockets open so much later. */
function watchHoldUps(): () => number {
  let heldUpMs = 0;
  let ticked = performance.now();
  const timer = setInterval(() => {
    heldUpMs = Math.max(heldUpMs, performance.now() - ticked);
    ticked = performance.now();
  }, 5);
  onTestFinished(() => clearInterval(timer));
  return () => heldUpMs;
}

/** The most within any second. */
function mostPerSecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + 1_000).length));
}
