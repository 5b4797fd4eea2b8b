/** NATS goes and comes: every node goes on with its own sockets, says what it cannot reach, and is back without a restart. */

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.js";
import { type Cluster, type ClusterNode, startCluster } from "../support/cluster.js";
import { dataOf } from "../support/consumer.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { published } from "../support/published.js";
import { lacks } from "../support/requirements.js";
import { subscribe } from "../support/subscriber.js";
import { openV1 } from "../support/v1-consumer.js";

let cluster: Cluster;
let near: ClusterNode;
let far: ClusterNode;

const unreached = { ...published, otherNodesReached: false };

function unary(node: ClusterNode) {
  const { publishEvent } = createClient(EventService, createGrpcTransport({ baseUrl: node.grpcUrl }));
  return (instance: string, data: string) => {
    const payload = { case: "dataJson", value: Buffer.from(data) } as const;
    return publishEvent({ instance, event: "label.update", payload }, { headers: { token: cluster.accountToken } });
  };
}

function stream(node: ClusterNode) {
  const opened = openEventStream(node.grpcUrl, cluster.accountToken);
  onTestFinished(() => opened.end());
  return opened;
}

async function serving(node: ClusterNode): Promise<Status> {
  return (await createClient(Health, createGrpcTransport({ baseUrl: node.grpcUrl })).check({})).status;
}

/** A node with a network of its own between itself and NATS. */
async function startBehind(env: Record<string, string> = {}): Promise<ClusterNode & { readonly wire: DatabaseProxy }> {
  const wire = await startDatabaseProxy(cluster.nats.url);
  onTestFinished(() => wire.close());
  const node = await cluster.startNode({ NATS_URL: wire.url, ...env });
  await node.connected();
  return { ...node, wire };
}

function allConnected(wanted = true): Promise<unknown> {
  return Promise.all(cluster.nodes.map((node) => node.connected(wanted)));
}

describe.skipIf(await lacks("nats-server"))("without NATS", () => {
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2 });
    [near, far] = cluster.nodes as [ClusterNode, ClusterNode];
    await cluster.createInstance("desk");
  });
  afterAll(() => cluster.close());

  it("local sockets get local events, every answer and both health checks say so, and all comes back", async () => {
    const [here, there] = [await near.open("desk"), await far.open("desk")];
    await near.publish("desk", "label.update", { n: 0 });
    expect(dataOf(await there.next())).toEqual({ n: 0 });
    expect(await serving(near)).toBe(Status.SERVING);

    await cluster.nats.kill();
    await allConnected(false);
    expect(await near.publish("desk", "label.update", { n: 1 })).toEqual({ status: 200, body: unreached });
    expect(await unary(near)("desk", '{"n":2}')).toMatchObject(unreached);
    const batches = stream(near);
    batches.send({ sequence: 7n, events: [eventOf("desk", "label.update", '{"n":3}')] });
    expect(await batches.acknowledgement()).toMatchObject({ sequence: 7, published: 1, otherNodesReached: false });
    expect((await here.take(4)).map((frame) => dataOf(frame).n)).toEqual([0, 1, 2, 3]);
    for (const node of [near, far]) {
      const health = await node.call("GET", "/health");
      expect(health.status).toBe(503);
      expect(health.body).toMatchObject({ status: "degraded", checks: { db: "ok", bus: "unreachable" } });
      expect(await serving(node)).toBe(Status.NOT_SERVING);
    }
    expect((await near.bus("events_unreached_total"))[0]).toBeGreaterThanOrEqual(3);

    await cluster.nats.start();
    await allConnected();
    expect((await near.publish("desk", "label.update", { n: 4 })).body).toEqual(published);
    expect(dataOf(await there.next())).toEqual({ n: 4 });
    expect((await far.call("GET", "/health")).body).toMatchObject({ status: "ok", checks: { bus: "ok" } });
    expect(await serving(far)).toBe(Status.SERVING);
    expect(await far.bus("interruptions_total")).toEqual([1]);
  });

  it("a node starts all the same, and is with the others once NATS is there", async () => {
    await cluster.nats.kill();
    await allConnected(false);
    const late = await cluster.startNode();
    expect((await late.call("GET", "/health")).body).toMatchObject({ checks: { bus: "unreachable" } });
    const there = await late.open("desk");
    expect((await late.publish("desk", "label.update", { n: 1 })).body).toEqual(unreached);
    await cluster.nats.start();
    await allConnected();
    await near.publish("desk", "label.update", { n: 2 });
    expect((await there.take(2)).map((frame) => dataOf(frame).n)).toEqual([1, 2]);
  });

  it("a node that is to refuse answers 503 on every face, and nobody gets the event", async () => {
    const strict = await cluster.startNode({ BUS_OUTAGE: "refuse" });
    await strict.connected();
    const [here, there] = [await strict.open("desk"), await far.open("desk")];
    await cluster.nats.kill();
    await allConnected(false);
    const text = "Other nodes cannot be reached. Try again later.";
    const refusal = { status: 503, body: { success: false, error: { message: text } } };
    expect(await strict.publish("desk", "label.update", { n: 1 })).toEqual(refusal);
    await expect(unary(strict)("desk", '{"n":2}')).rejects.toMatchObject({ rawMessage: text });
    const batches = stream(strict);
    batches.send({ sequence: 1n, events: [eventOf("desk", "label.update", '{"n":3}')] });
    expect(await batches.acknowledgement()).toMatchObject({
      published: 0,
      refusals: [{ index: 0, reason: "BUS_UNREACHABLE", message: text }],
    });
    await cluster.nats.start();
    await allConnected();
    expect((await strict.publish("desk", "label.update", { n: 4 })).body).toEqual(published);
    for (const consumer of [here, there]) expect(dataOf(await consumer.next())).toEqual({ n: 4 });
  });

  it("that comes back with a smaller limit, what is too large is refused with the limit, and nobody gets it", async () => {
    await cluster.nats.kill();
    await allConnected(false);
    await cluster.nats.start("max_payload: 65536");
    await allConnected();
    const [here, there] = [await near.open("desk"), await far.open("desk")];
    const text = "Event too large for the event bus, which carries at most 65536 bytes";
    const data = { text: "x".repeat(70_000) };
    expect(await near.publish("desk", "label.update", data)).toEqual({
      status: 413,
      body: { success: false, error: { message: text } },
    });
    await expect(unary(near)("desk", JSON.stringify(data))).rejects.toMatchObject({ rawMessage: text });
    const batches = stream(near);
    const events = [JSON.stringify(data), '{"n":1}'].map((json) => eventOf("desk", "label.update", json));
    batches.send({ sequence: 1n, events });
    expect(await batches.acknowledgement()).toMatchObject({
      published: 1,
      refusals: [{ index: 0, reason: "EVENT_TOO_LARGE_FOR_BUS", message: text }],
    });
    for (const consumer of [here, there]) expect(dataOf(await consumer.next())).toEqual({ n: 1 });
  });

  it("a node that alone cannot reach it tells the consumers of other nodes of a gap, and of no event that it refused", async () => {
    const [accepting, refusing] = [await startBehind(), await startBehind({ BUS_OUTAGE: "refuse" })];
    for (const name of ["gappy", "strict"]) await cluster.createInstance(name);
    const token = cluster.accountToken;
    const streams = ["gappy", ""].map((instance) =>
      subscribe(createGrpcTransport({ baseUrl: far.grpcUrl }), token, { instance }),
    );
    const sockets = await Promise.all(
      ["/ws/gappy", "/ws", "/ws/strict"].map((path) => openV1(far.url, `${path}?token=${token}`)),
    );
    for (const { frame } of sockets) expect(await frame()).toMatchObject({ control: "hello" });
    for (const { next } of streams) expect((await next()).case).toBe("hello");

    for (const { wire, connected } of [accepting, refusing]) {
      await wire.cut();
      await connected(false);
    }
    expect((await accepting.publish("gappy", "label.update", { n: 1 })).body).toEqual(unreached);
    expect(await unary(accepting)("gappy", '{"n":2}')).toMatchObject(unreached);
    const batches = stream(accepting);
    const events = ['{"n":3}', '{"n":4}'].map((json) => eventOf("gappy", "label.update", json));
    batches.send({ sequence: 1n, events });
    expect(await batches.acknowledgement()).toMatchObject({ published: 2, otherNodesReached: false });
    expect((await refusing.publish("strict", "label.update", { n: 1 })).status).toBe(503);
    for (const { wire, connected } of [refusing, accepting]) {
      await wire.heal();
      await connected();
    }
    for (const name of ["strict", "gappy"]) await refusing.publish(name, "label.update", { n: 5 });

    const gap = { reason: "bus_lost", missed: 4, instance: "gappy" };
    const [one, all, strict] = await Promise.all(sockets.map(({ frame }) => frame()));
    for (const told of [one, all]) expect(told).toMatchObject({ control: "gap", ...gap });
    for (const { next } of streams) expect(await next()).toMatchObject({ case: "gap", value: gap });
    expect(strict).toMatchObject({ event: "label.update", data: { n: 5 } });
    for (const { data } of streams) expect((await data(1))[0]).toEqual({ n: 5 });
  });
});
