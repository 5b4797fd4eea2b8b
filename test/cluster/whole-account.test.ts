/** A connection to a whole account on one node gets the events of all nodes, and never silently lacks those of an older one. */

import { Code } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { connect } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type Cluster, type ClusterNode, startCluster } from "../support/cluster.js";
import { lacks } from "../support/requirements.js";
import { subscribe } from "../support/subscriber.js";
import { until } from "../support/until.js";
import { openV1, type V1Consumer } from "../support/v1-consumer.js";

let cluster: Cluster;
let near: ClusterNode;
let far: ClusterNode;

const open = (node: ClusterNode): Promise<V1Consumer> => openV1(node.url, `/ws?token=${cluster.accountToken}`);

/** A node of an older release, as it shows itself on NATS. Returns a function that ends it. */
async function startOlderNode(): Promise<() => Promise<void>> {
  const connection = await connect({ servers: cluster.nats.url });
  onTestFinished(() => connection.close());
  connection.subscribe("eventwire.probe", { callback: () => {} });
  await connection.flush();
  return () => connection.close();
}

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

  it("is refused beside a node of an older release, closed when one joins, and served when it has gone", async () => {
    const whole = await open(far);
    await whole.next();
    const subscribeFar = () =>
      subscribe(createGrpcTransport({ baseUrl: far.grpcUrl }), cluster.accountToken, { instance: "" });
    const stream = subscribeFar();
    await stream.next();
    const end = await startOlderNode();
    expect(await whole.end()).toMatchObject({
      last: { control: "closing", code: 4500, reconnect: true },
      close: [4500, "internal error"],
    });
    expect(await stream.next()).toMatchObject({ case: "closing", value: { code: 4500, reconnect: true } });
    expect(await stream.ended).toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
    expect((await subscribeFar().ended)?.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "OLDER_NODE" }]);
    const refused = await open(near);
    expect(await refused.end()).toMatchObject({
      last: { control: "refused", status: 503, reason: "OLDER_NODE", reconnect: true },
      close: [4500, "internal error"],
    });
    const plain = await openV1(near.url, `/ws/desk?token=${cluster.accountToken}`);
    expect(await plain.frame()).toMatchObject({ control: "hello", instance: "desk" });
    await end();
    await until(async () => {
      const again = await open(far);
      return (await again.frame()).control === "hello";
    });
  });
});
