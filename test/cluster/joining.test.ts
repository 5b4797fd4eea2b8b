/** Who joins while events are on their way: from its 101 on, a socket misses nothing, whatever node it is on. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, type ClusterNode, startCluster } from "../support/cluster.js";
import { type Consumer, dataOf } from "../support/consumer.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

let cluster: Cluster;
let near: ClusterNode;

const roundsMax = 25;
const socketsPerRound = 8;

describe.skipIf(await lacks("nats-server"))("a newcomer", () => {
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1 });
    near = cluster.nodes[0] as ClusterNode;
  });
  afterAll(() => cluster.close());

  it("that is a node gets the events of those that were there before", async () => {
    await cluster.createInstance("known");
    const here = await near.open("known");
    await near.publish("known", "label.update", { n: 0 });
    const far = await cluster.startNode();
    await far.connected();
    const there = await far.open("known");
    await near.publish("known", "label.update", { n: 1 });
    await far.publish("known", "label.update", { n: 2 });
    expect((await there.take(2)).map((frame) => dataOf(frame).n)).toEqual([1, 2]);
    expect((await here.take(3)).map((frame) => dataOf(frame).n)).toEqual([0, 1, 2]);
  });

  it("that is a socket gets everything whose publishing began after its 101, without a gap", async () => {
    const far = cluster.nodes[1] as ClusterNode;
    await cluster.createInstance("busy");
    let begun = 0;
    let joining = true;
    const publishing = (async () => {
      while (joining) {
        const n = begun++;
        expect((await near.publish("busy", "label.update", { n })).body.otherNodesReached).toBeUndefined();
      }
    })();

    /** How many had begun when its 101 was here: from that number on all are due. */
    async function join(): Promise<{ consumer: Consumer; due: number }> {
      const consumer = await far.open("busy");
      return { consumer, due: begun };
    }

    const joined: { consumer: Consumer; due: number }[] = [];
    for (let round = 0; round < roundsMax; round++) {
      // All leave again, so that the far node's interest ends and begins while events are under way.
      const now = await Promise.all(Array.from({ length: socketsPerRound }, join));
      const last = begun + 3;
      for (const { consumer, due } of now) {
        const numbers: number[] = [];
        do numbers.push(dataOf(await consumer.next()).n as number);
        while ((numbers.at(-1) as number) < last);
        const first = numbers[0] as number;
        expect(first).toBeLessThanOrEqual(due);
        expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, n) => first + n));
      }
      for (const { consumer } of now) consumer.socket.close();
      await Promise.all(now.map(({ consumer }) => consumer.closed));
      joined.push(...now);
    }
    joining = false;
    await publishing;
    expect(joined).toHaveLength(roundsMax * socketsPerRound);
  });

  it("that is a socket gets what a node publishes that has not heard of the channel yet", async () => {
    const proxy = await startDatabaseProxy(cluster.databaseUrl);
    const deaf = await cluster.startNode({ DATABASE_URL: proxy.url });
    await deaf.connected();
    expect((await near.call("POST", "/api/instance/new", { name: "fresh" })).status).toBe(201);
    await until(async () => (await deaf.call("GET", "/ws/fresh")).status === 400);
    await proxy.cut();
    expect((await near.call("POST", "/api/events/websocket/fresh", { enabled: true })).status).toBe(200);
    const consumer = await near.open("fresh");
    expect((await deaf.publish("fresh", "label.update", { n: 1 })).status).toBe(200);
    expect(dataOf(await consumer.next())).toEqual({ n: 1 });
  });
});
