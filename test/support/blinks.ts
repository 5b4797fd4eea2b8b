/** Many consumers that lose their connections and come back, and publishers whose every event they must get. */

import { setTimeout as delay } from "node:timers/promises";
import { BlinkingConsumer, percentile } from "./blinking-consumer.js";
import type { ClusterNode } from "./cluster.js";
import { until } from "./until.js";

export interface CountingPublisher {
  readonly name: string;
  /** How many events were answered, which is the number of the last one. */
  count(): number;
  stop(): Promise<void>;
}

let lastPublisher = 0;

export interface PublisherOptions {
  /** Milliseconds from an answer to the next event. */
  readonly pause?: number;
  /** Whether its node may die: then it ends with its node. Otherwise an event that is not accepted fails the test. */
  readonly mortal?: boolean;
}

/** Publishes to one node until it is stopped. Each publisher numbers its events from 1. */
export function startPublisher(
  node: ClusterNode,
  { pause = 1, mortal = false }: PublisherOptions = {},
): CountingPublisher {
  const name = `p${++lastPublisher}`;
  let n = 0;
  let isOn = true;
  async function run(): Promise<void> {
    while (isOn) {
      const answer = await node
        .publish("desk", "label.update", { publisher: name, n: n + 1 })
        .catch((error: unknown) => {
          if (!mortal) throw error;
        });
      if (answer === undefined) return;
      if (answer.status !== 200) throw new Error(`publishing was answered with ${answer.status}`);
      n++;
      await delay(pause);
    }
  }
  const running = run();
  return {
    name,
    count: () => n,
    async stop() {
      isOn = false;
      await running;
    },
  };
}

/** `path`: the path of the instance with its token. */
export async function connectConsumers(
  count: number,
  path: string,
  nodes: readonly ClusterNode[],
): Promise<BlinkingConsumer[]> {
  const consumers = Array.from({ length: count }, () => new BlinkingConsumer(path));
  await Promise.all(consumers.map((one, i) => one.connect(nodeFor(nodes, i).url)));
  return consumers;
}

export function nodeFor(nodes: readonly ClusterNode[], i: number): ClusterNode {
  return nodes[i % nodes.length] as ClusterNode;
}

/** What all consumers noted together, and how often they came back. */
export interface Blinked {
  readonly faults: readonly string[];
  readonly refusals: readonly string[];
  readonly gaps: number;
  readonly replayed: number;
  readonly blinks: number;
}

/** Waits until every consumer has the last event of each publisher, or was told that it may miss some. `kind`: for a line of a long run. */
export async function settleBlinks(
  kind: string,
  consumers: readonly BlinkingConsumer[],
  publishers: readonly CountingPublisher[],
): Promise<Blinked> {
  await Promise.all(publishers.map((one) => one.stop()));
  const isDone = (one: BlinkingConsumer) =>
    one.refusals.length + one.gaps > 0 || publishers.every(({ name, count }) => one.last(name) >= count());
  await until(() => consumers.every(isDone));
  for (const one of consumers) one.drop();
  const sum = (of: (one: BlinkingConsumer) => number) => consumers.reduce((total, one) => total + of(one), 0);
  const times = consumers.flatMap((one) => one.times);
  const [p50, p99] = [percentile(times, 0.5).toFixed(1), percentile(times, 0.99).toFixed(1)];
  if (process.env.BLINKS !== undefined)
    console.info(
      `${kind}: ${times.length} times back, ${sum((one) => one.replayed)} events replayed, p50 ${p50} ms, p99 ${p99} ms`,
    );
  return {
    faults: consumers.flatMap(({ faults }) => faults),
    refusals: consumers.flatMap(({ refusals }) => refusals),
    gaps: sum(({ gaps }) => gaps),
    replayed: sum(({ replayed }) => replayed),
    blinks: times.length,
  };
}
