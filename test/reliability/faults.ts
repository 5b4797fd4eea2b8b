/** What goes wrong, when, and for how long: drawn from a seed, so that a schedule can be had again. */

import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../support/random.js";
import type { Fault } from "./books.js";
import type { Channel } from "./channels.js";
import type { Cluster, Node } from "./cluster.js";
import type { Readers } from "./readers.js";

export interface FaultOptions {
  readonly cluster: Cluster;
  readonly readers: Readers;
  readonly heavy: Channel;
  readonly random: Random;
  readonly seconds: number;
}

/** What it breaks, where that can be broken only once, and the breaking and mending of it. */
interface Scene {
  readonly kind: string;
  readonly target: object;
  play(): Promise<void>;
}

const gapMsMin = 800;
const gapMsMax = 2_400;

/** Resolves when everything is mended again. Faults of different targets overlap. */
export async function injectFaults(options: FaultOptions): Promise<Fault[]> {
  const { random, seconds } = options;
  const end = Date.now() + seconds * 1_000;
  const faults: Fault[] = [];
  const playing = new Map<object, Promise<void>>();
  let deck: (() => Scene)[] = [];
  while (Date.now() < end) {
    if (deck.length === 0) deck = scenes(options);
    const [draw] = deck.splice(random.below(deck.length), 1);
    const { kind, target, play } = (draw as () => Scene)();
    await playing.get(target);
    if (Date.now() >= end) break;
    faults.push({ kind, at: Date.now() });
    playing.set(target, play());
    await delay(gapMsMin + random.below(gapMsMax - gapMsMin));
  }
  await Promise.all(playing.values());
  return faults;
}

/** Each kind once. */
function scenes({ cluster, readers, heavy, random }: FaultOptions): (() => Scene)[] {
  const { nats, postgres, nodes } = cluster;
  const lasting = (msMax: number): Promise<void> => delay(200 + random.below(msMax - 200));
  return [
    () => {
      const node = random.pick(nodes);
      return { kind: "a node killed (SIGKILL)", target: node, play: () => killNode(cluster, node, lasting(2_000)) };
    },
    () => {
      const node = random.pick(nodes);
      const play = async () => {
        node.running?.kill("SIGSTOP");
        await lasting(5_000);
        node.running?.kill("SIGCONT");
      };
      return { kind: "a node stopped and continued (SIGSTOP, SIGCONT)", target: node, play };
    },
    () => {
      const play = async () => {
        await nats.kill();
        await lasting(1_500);
        await nats.start();
      };
      return { kind: "nats-server killed", target: nats, play };
    },
    () => {
      const play = async () => {
        nats.freeze();
        // The nodes wait about four seconds for a sign of life.
        await (random.below(2) === 0 ? lasting(2_000) : delay(4_500 + random.below(1_500)));
        nats.thaw();
      };
      return { kind: "nats-server stopped and continued", target: nats, play };
    },
    () => {
      const play = async () => {
        postgres.kill();
        await lasting(3_000);
        await postgres.start();
      };
      return { kind: "PostgreSQL killed", target: postgres, play };
    },
    () => ({ kind: "sockets cut", target: {}, play: async () => readers.cut(5 + random.below(40)) }),
    () => ({
      kind: "readers frozen",
      target: heavy,
      play: async () => {
        await Promise.all([
          readers.freeze(5, 2_000 + random.below(5_000), heavy),
          readers.freeze(5 + random.below(20), 200 + random.below(3_000)),
        ]);
      },
    }),
  ];
}

async function killNode(cluster: Cluster, node: Node, absence: Promise<void>): Promise<void> {
  const { running } = node;
  node.running = undefined;
  running?.kill("SIGKILL");
  await running?.ended;
  await absence;
  await cluster.start(node);
}
