/**
 * Consumers that lose their connections come back to any node without a hole, without an event twice, and never with a part: to one
 * node, to another node, after the death of their node, and through a rolling restart. A thousand times in all; BLINKS=10000 makes
 * it more, and says how long it took to come back.
 */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CountingPublisher, connectConsumers, nodeFor, settleBlinks, startPublisher } from "../support/blinks.js";
import { type Cluster, type ClusterNode, startCluster } from "../support/cluster.js";
import { jetStream } from "../support/history-nodes.js";
import { startNatsServer } from "../support/nats-server.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";
import { openV1 } from "../support/v1-consumer.js";

/** How often consumers come back in each of the four tests, at least. */
const blinks = Number(process.env.BLINKS ?? 1_000) / 4;
const timeout = 60_000 + blinks * 200;
const few = 8;
/** How many consumers lose their connections at once when their node goes. */
const crowd = 250;
/** Milliseconds between two events of a publisher to the crowd, so that the process of this test can read all frames. */
const pause = 40;
let cluster: Cluster;
let path: string;
/** The two nodes that are running. */
let running: ClusterNode[];

/** How a connection ended, when nobody knows. */
const unknown = { code: 0, reason: "unknown", waitingFrames: 0, waitingBytes: 0 };
const complete = { faults: [], refusals: [], gaps: 0 };

describe.skipIf(await lacks("nats-server"))("consumers that come back", () => {
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2, nats: await startNatsServer(jetStream()) });
    running = [...cluster.nodes];
    const token = await cluster.createInstance("desk");
    path = `/ws/desk?token=${token}`;
  });
  afterAll(() => cluster.close());

  it.each([
    ["their node", 0],
    ["the other node", 1],
  ])("find every event on %s", { timeout }, async (kind, step) => {
    const publishers = running.map((node) => startPublisher(node));
    const consumers = await connectConsumers(few, path, running);
    await Promise.all(
      consumers.map(async (consumer, at) => {
        for (let i = 1; i <= blinks / few; i++) {
          consumer.drop();
          await delay(Math.random() * 20);
          await consumer.connect(nodeFor(running, at + i * step).url);
          await delay(Math.random() * 10);
        }
      }),
    );
    const { replayed, blinks: count, ...rest } = await settleBlinks(kind, consumers, publishers);
    expect(rest).toEqual(complete);
    expect(count).toBeGreaterThanOrEqual(Math.floor(blinks / few) * few);
    expect(replayed).toBeGreaterThan(count / 2);
  });

  it("find every event on another node when their own was killed", { timeout }, async () => {
    for (let count = 0; count < blinks; count += crowd) {
      const dying = await cluster.startNode();
      await dying.connected();
      const publishers = [
        ...running.map((node) => startPublisher(node, { pause })),
        startPublisher(dying, { pause, mortal: true }),
      ];
      const consumers = await connectConsumers(crowd, path, [dying]);
      await until(() => consumers.every((one) => publishers.every(({ name }) => one.last(name) > 0)));
      const { connection } = await (await openV1(dying.url, path)).frame();
      dying.program.kill("SIGKILL");
      await Promise.all(consumers.map((one) => one.ended()));
      await Promise.all(consumers.map((one, i) => one.connect(nodeFor(running, i).url)));
      const told = await (await openV1(nodeFor(running, count).url, `${path}&previous=${connection}`)).frame();
      expect(told.previous).toEqual({ connection, ...unknown });
      const { replayed, blinks: back, ...rest } = await settleBlinks("a node that died", consumers, publishers);
      expect(rest).toEqual(complete);
      expect(back).toBe(crowd);
      expect(replayed).toBeGreaterThan(0);
    }
  });

  it("find every event through a rolling restart", { timeout }, async () => {
    const publishers = new Map<ClusterNode, CountingPublisher>();
    const all: CountingPublisher[] = [];
    function start(node: ClusterNode): void {
      const publisher = startPublisher(node, { pause });
      publishers.set(node, publisher);
      all.push(publisher);
    }
    for (const node of running) start(node);
    const consumers = await connectConsumers(crowd, path, running);
    let isOver = false;
    const coming = consumers.map(async (consumer) => {
      for (;;) {
        await consumer.ended();
        if (isOver) return;
        const node = nodeFor(running, Math.floor(Math.random() * running.length));
        await consumer.connect(node.url).catch(() => delay(5));
      }
    });
    const comebacks = () => consumers.reduce((sum, { times }) => sum + times.length, 0);
    while (comebacks() < blinks) {
      const [leaving, staying] = running as [ClusterNode, ClusterNode];
      const joining = await cluster.startNode();
      await joining.connected();
      running = [staying, joining];
      start(joining);
      await publishers.get(leaving)?.stop();
      leaving.program.kill("SIGTERM");
      await leaving.program.ended;
    }
    await until(() => consumers.every((one) => one.isConnected));
    isOver = true;
    const { replayed, blinks: count, ...rest } = await settleBlinks("a rolling restart", consumers, all);
    await Promise.all(coming);
    expect(rest).toEqual(complete);
    expect(count).toBeGreaterThanOrEqual(blinks);
    expect(replayed).toBeGreaterThan(0);
  });

  it("go on after the position that a producer was told, whichever node it asked", async () => {
    const [a, b] = running as [ClusterNode, ClusterNode];
    const follower = await openV1(a.url, path);
    await follower.frame();
    const told: unknown[] = [];
    for (const n of [1, 2, 3, 4]) {
      const { body } = await nodeFor([a, b], n).publish("desk", "label.update", { n });
      told.push(body.position);
    }
    for (const n of [0, 1, 2, 3]) expect((await follower.frame()).position).toBe(told[n]);
    const back = await openV1(b.url, `${path}&after=${told[1]}`);
    expect(await back.frame()).toMatchObject({ resumed: true, replayed: 2 });
  });

  it("learn on another node how their connection ended, the holder of the same token alone", async () => {
    const [a, b] = running as [ClusterNode, ClusterNode];
    const [first, theirs] = [await openV1(a.url, path), await openV1(a.url, path)];
    const [{ connection }, { connection: other }] = [await first.frame(), await theirs.frame()];
    await cluster.command("instance", "disconnect", "desk", "--account", "default");
    await Promise.all([first.end(), theirs.end()]);
    const told = async (at: string) => (await (await openV1(b.url, at)).frame()).previous;
    expect(await told(`${path}&previous=${connection}`)).toMatchObject({ connection, code: 4010 });
    expect(await told(`/ws/desk?token=${cluster.accountToken}&previous=${other}`)).toEqual({
      connection: other,
      ...unknown,
    });
    expect(await told(`${path}&previous=x.y.>`)).toEqual({ connection: "x.y.>", ...unknown });
  });

  it("get their events without positions while a node with the history switched off is there", async () => {
    const [a] = running as [ClusterNode];
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
});
