/**
 * Consumers that lose their connections come back to any node without a hole, without an event twice, and never with a part: while
 * two nodes run, when a node dies, and through a rolling restart. BLINKS=10000 makes it many more.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BlinkingConsumer, percentile } from "../support/blinking-consumer.js";
import { type Cluster, type ClusterNode, startCluster } from "../support/cluster.js";
import { jetStream } from "../support/history-nodes.js";
import { startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";
import { openV1 } from "../support/v1-consumer.js";

const blinks = Number(process.env.BLINKS ?? 160);
const consumersMax = 8;
let cluster: Cluster;
let path: string;
let lastPublisher = 0;

/** Publishes to one node until it is stopped. Each publisher numbers its events from 1. */
function publisher(node: ClusterNode) {
  const name = `p${++lastPublisher}`;
  let n = 0;
  let isOn = true;
  const running = (async () => {
    while (isOn) {
      const { status } = await node.publish("desk", "label.update", { publisher: name, n: n + 1 });
      if (status !== 200) throw new Error(`publishing was answered with ${status}`);
      n++;
      await delay(1);
    }
  })();
  return {
    name,
    count: () => n,
    async stop() {
      isOn = false;
      await running;
    },
  };
}

async function consumersOn(nodes: readonly ClusterNode[]): Promise<BlinkingConsumer[]> {
  const consumers = Array.from({ length: consumersMax }, () => new BlinkingConsumer(path));
  await Promise.all(consumers.map((consumer, i) => consumer.connect((nodes[i % nodes.length] as ClusterNode).url)));
  return consumers;
}

/** Waits until every consumer has the last event of each publisher, and says what each consumer noted. */
async function settle(consumers: readonly BlinkingConsumer[], publishers: readonly ReturnType<typeof publisher>[]) {
  await Promise.all(publishers.map((one) => one.stop()));
  const isDone = (one: BlinkingConsumer) =>
    one.refusals.length + one.gaps > 0 || publishers.every(({ name, count }) => one.last(name) === count());
  await until(() => consumers.every(isDone));
  const times = consumers.flatMap((one) => one.times);
  const [p50, p99] = [percentile(times, 0.5).toFixed(1), percentile(times, 0.99).toFixed(1)];
  if (process.env.BLINKS !== undefined) console.info(`${times.length} times back, p50 ${p50} ms, p99 ${p99} ms`);
  for (const one of consumers) one.drop();
  return {
    faults: consumers.flatMap(({ faults }) => faults),
    refusals: consumers.flatMap(({ refusals }) => refusals),
    gaps: consumers.reduce((sum, { gaps }) => sum + gaps, 0),
    replayed: consumers.reduce((sum, { replayed }) => sum + replayed, 0),
  };
}

const nothing = { faults: [], refusals: [], gaps: 0 };

describe.skipIf(await lacks("nats-server"))("consumers that come back", () => {
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2, nats: await startNatsServer(jetStream()) });
    const token = await cluster.createInstance("desk");
    path = `/ws/desk?token=${token}`;
  });
  afterAll(() => cluster.close());

  it(
    "find every event on the node where they come back, hundreds of times",
    async () => {
      const [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
      const publishers = [publisher(a), publisher(b)];
      const consumers = await consumersOn([a, b]);
      await Promise.all(
        consumers.map(async (consumer, at) => {
          for (let i = 0; i < blinks / consumersMax; i++) {
            consumer.drop();
            await delay(Math.random() * 20);
            await consumer.connect([a, b][(i + at) % 2]?.url as string);
            await delay(Math.random() * 10);
          }
        }),
      );
      const { replayed, ...rest } = await settle(consumers, publishers);
      expect(rest).toEqual(nothing);
      expect(replayed).toBeGreaterThan(blinks / 2);
    },
    60_000 + blinks * 50,
  );

  it("learn on another node how their connection ended, the holder of the same token alone", async () => {
    const [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
    const [first, theirs] = [await openV1(a.url, path), await openV1(a.url, path)];
    const [{ connection }, { connection: other }] = [await first.frame(), await theirs.frame()];
    await cluster.command("instance", "disconnect", "desk", "--account", "default");
    await Promise.all([first.end(), theirs.end()]);
    const unknown = { code: 0, reason: "unknown", waitingFrames: 0, waitingBytes: 0 };
    const told = async (at: string) => (await (await openV1(b.url, at)).frame()).previous;
    expect(await told(`${path}&previous=${connection}`)).toMatchObject({ connection, code: 4010 });
    expect(await told(`/ws/desk?token=${cluster.accountToken}&previous=${other}`)).toEqual({
      connection: other,
      ...unknown,
    });
    expect(await told(`${path}&previous=x.y.>`)).toEqual({ connection: "x.y.>", ...unknown });
  });

  it("find every event on another node when their own was killed", async () => {
    const [a, b] = cluster.nodes as [ClusterNode, ClusterNode];
    const dying = await cluster.startNode();
    await dying.connected();
    const publishers = [publisher(a), publisher(b)];
    const consumers = await consumersOn([dying]);
    await delay(100);
    dying.program.kill("SIGKILL");
    await Promise.all(consumers.map((one) => one.ended()));
    await Promise.all(consumers.map((one, i) => one.connect([a, b][i % 2]?.url as string)));
    const { replayed, ...rest } = await settle(consumers, publishers);
    expect(rest).toEqual(nothing);
    expect(replayed).toBeGreaterThan(0);
  });

  it("get their events without positions while a node with the history switched off is there", async () => {
    const [a] = cluster.nodes as [ClusterNode];
    const consumer = await openV1(a.url, path);
    expect((await consumer.frame()).history).toMatchObject({ seconds: 60 });
    const without = await cluster.startNode({ HISTORY_SECONDS: "0" });
    await without.connected();
    await without.publish("desk", "label.update", { publisher: "off", n: 1 });
    const frame = await consumer.frame();
    expect(frame.data).toEqual({ publisher: "off", n: 1 });
    expect(frame.position).toBeUndefined();
    without.program.kill("SIGTERM");
    await without.program.ended;
    await until(async () => (await (await openV1(a.url, path)).frame()).history !== null);
  });

  it("find every event through a rolling restart", async () => {
    let running = [...cluster.nodes.slice(0, 2)];
    const publishers = new Map(running.map((node) => [node, publisher(node)]));
    const all = [...publishers.values()];
    const consumers = await consumersOn(running);
    let isOver = false;
    const coming = consumers.map(async (consumer) => {
      for (;;) {
        await consumer.ended();
        if (isOver) return;
        const node = running[Math.floor(Math.random() * running.length)] as ClusterNode;
        await consumer.connect(node.url).catch(() => delay(5));
      }
    });
    for (const leaving of [...running]) {
      const joining = await cluster.startNode();
      await joining.connected();
      running = [...running.filter((node) => node !== leaving), joining];
      const started = publisher(joining);
      all.push(started);
      await publishers.get(leaving)?.stop();
      leaving.program.kill("SIGTERM");
      await leaving.program.ended;
    }
    await delay(50);
    isOver = true;
    const { replayed, ...rest } = await settle(consumers, all);
    await Promise.all(coming);
    expect(rest).toEqual(nothing);
    expect(replayed).toBeGreaterThan(0);
  });
});
