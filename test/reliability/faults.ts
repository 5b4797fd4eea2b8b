/** What goes wrong, when, and for how long: drawn from a seed, so that a schedule can be had again. */

import { setTimeout as delay } from "node:timers/promises";
import { until } from "../support/until.js";
import type { Fault } from "./books.js";
import type { Channel } from "./channels.js";
import { type Cluster, type Node, type NodeProcess, signalAll, workersOf } from "./cluster.js";
import type { Readers } from "./readers.js";
import { type PlayOptions, playScenes, type Scene } from "./scenes.js";

export interface FaultOptions extends PlayOptions {
  readonly cluster: Cluster;
  readonly readers: Readers;
  readonly channels: readonly Channel[];
  readonly heavy: Channel;
}

export const nodeStopped = "a node stopped and continued (SIGSTOP, SIGCONT)";
export const postgresKilled = "PostgreSQL killed";

/** Resolves when everything is mended again. Faults of different targets overlap. */
export function injectFaults(options: FaultOptions): Promise<Fault[]> {
  return playScenes(options, () => scenes(options));
}

/** Each kind once. What is to be drawn is drawn at once: what happens meanwhile must not change the order. */
function scenes({ cluster, readers, channels, heavy, random }: FaultOptions): (() => Scene)[] {
  const { nats, postgres, nodes } = cluster;
  const draw = (min: number, max: number): number => min + random.below(max - min);
  return [
    () => {
      const [node, ms] = [random.pick(nodes), draw(200, 2_000)];
      return { kind: "a node killed (SIGKILL)", target: node, play: () => killNode(cluster, node, ms) };
    },
    () => {
      const [node, ms] = [random.pick(nodes), draw(200, 5_000)];
      const play = async () => {
        const { running } = node;
        if (running === undefined) return;
        signalAll(running, "SIGSTOP");
        await delay(ms);
        signalAll(running, "SIGCONT");
      };
      return { kind: nodeStopped, target: node, play };
    },
    ...nodes
      .filter(({ workers }) => workers > 1)
      .map((node) => () => {
        const play = async () => {
          const { running } = node;
          const [victim] = running === undefined ? [] : workersOf(running);
          if (running !== undefined && victim !== undefined) await killWorker(cluster, running, victim);
        };
        return { kind: "one of several workers killed (SIGKILL)", target: node, play };
      }),
    () => {
      const ms = draw(200, 1_500);
      const play = async () => {
        await nats.kill();
        await delay(ms);
        await nats.start();
      };
      return { kind: "nats-server killed", target: nats, play };
    },
    () => {
      // The nodes wait about four seconds for a sign of life.
      const ms = random.below(2) === 0 ? draw(200, 2_000) : draw(4_500, 6_000);
      const play = async () => {
        nats.freeze();
        await delay(ms);
        nats.thaw();
      };
      return { kind: "nats-server stopped and continued", target: nats, play };
    },
    () => {
      const ms = draw(200, 3_000);
      const play = async () => {
        postgres.kill();
        await delay(ms);
        await postgres.start();
      };
      return { kind: postgresKilled, target: postgres, play };
    },
    () => {
      const count = draw(5, 45);
      return { kind: "connections cut", target: {}, play: async () => readers.cut(count) };
    },
    () => {
      const count = draw(5, 25);
      return { kind: "consumers moved to another node", target: {}, play: async () => readers.move(count) };
    },
    () => {
      const [count, ms] = [draw(5, 15), draw(500, 25_000)];
      return { kind: "consumers away for a while", target: {}, play: async () => readers.leave(count, ms) };
    },
    () => {
      const { name } = random.pick(channels);
      // The command needs the database.
      return { kind: "consumers disconnected by an operator", target: postgres, play: () => cluster.disconnect(name) };
    },
    () => {
      const [count, ms] = [draw(5, 25), draw(1_000, 5_000)];
      return { kind: "readers lagging", target: readers, play: () => readers.lag(count, ms) };
    },
    () => {
      const [longMs, count, shortMs] = [draw(2_000, 10_000), draw(5, 25), draw(200, 3_000)];
      const play = async () => {
        await Promise.all([readers.freeze(8, longMs, heavy), readers.freeze(count, shortMs)]);
      };
      return { kind: "readers frozen", target: heavy, play };
    },
  ];
}

/**
 * Resolves when another worker has taken the place of the victim, and answers. Until then the other worker must not be
 * killed, because a node without a worker that listens refuses connections, and no answer is excused by that.
 */
async function killWorker(cluster: Cluster, running: NodeProcess, victim: number): Promise<void> {
  const killedAt = Date.now();
  await cluster.kill(running, victim);
  // A new connection leads to any worker, and a worker says for how long it has been running.
  await until(async () => (await upSeconds(running)) < Math.floor((Date.now() - killedAt) / 1_000));
}

async function upSeconds({ url }: NodeProcess): Promise<number> {
  try {
    const answer = await fetch(`${url}/health`, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(5_000),
    });
    return ((await answer.json()) as { uptime: number }).uptime;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

async function killNode(cluster: Cluster, node: Node, ms: number): Promise<void> {
  const { running } = node;
  node.running = undefined;
  if (running !== undefined) await cluster.kill(running);
  await delay(ms);
  await cluster.start(node);
}
