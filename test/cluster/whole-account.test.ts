/** A connection to a whole account on one node gets the events of all nodes. `rolling-upgrade.test.ts` has older nodes. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, type ClusterNode, startCluster } from "../support/cluster.js";
import { lacks } from "../support/requirements.js";
import { openV1, type V1Consumer } from "../support/v1-consumer.js";

let cluster: Cluster;
let near: ClusterNode;
let far: ClusterNode;

const open = (node: ClusterNode): Promise<V1Consumer> => openV1(node.url, `/ws?token=${cluster.accountToken}`);

describe.skipIf(await lacks("nats-server"))("a connection to a whole account", () => {
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2 });
    [near, far] = cluster.nodes as [ClusterNode, ClusterNode];
  });
  afterAll(() => cluster.close());

  it("gets the events that any node takes for any instance, once and in order, beside plain sockets", async () => {
    for (const name of ["desk", "phone"]) await cluster.createInstance(name);
    // The far node has a socket of the instance too, so that an event comes to it by both subjects.
    const plain = await far.open("desk");
    const whole = await open(far);
    expect(await whole.frame()).toMatchObject({ control: "hello", instance: "" });
    const count = 40;
    for (let n = 0; n < count; n++)
      expect((await near.publish(n % 2 === 0 ? "desk" : "phone", "label.update", { n })).status).toBe(200);
    await far.publish("phone", "label.update", { n: count });
    const frames = (await whole.take(count + 1)).map((text) => JSON.parse(text));
    const seen = (name: string) => frames.filter((f) => f.instanceData.instance === name).map((f) => f.data.n);
    const all = Array.from({ length: count }, (_, n) => n);
    expect(seen("desk")).toEqual(all.filter((n) => n % 2 === 0));
    expect(seen("phone")).toEqual([...all.filter((n) => n % 2 === 1), count]);
    expect(await plain.take(count / 2)).toHaveLength(count / 2);
    expect(await far.bus("missed_total")).toEqual([0]);
  });

  it("begins with the first event after its hello, also on an instance with plain sockets elsewhere", async () => {
    await cluster.createInstance("busy");
    await near.open("busy");
    const other = await cluster.startNode();
    await other.connected();
    const elsewhere = await other.open("busy");
    await near.publish("busy", "label.update", { n: 0 });
    await elsewhere.next();
    for (let n = 1; n <= 10; n++) {
      const whole = await open(far);
      await whole.next();
      await near.publish("busy", "label.update", { n });
      expect((await whole.frame()).data).toEqual({ n });
      whole.socket.close();
      await whole.closed;
    }
  });
});
