/** Real processes on one PostgreSQL and one nats-server: whichever node takes an event, the sockets of all get it. */

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { type Cluster, type ClusterNode, startCluster } from "../support/cluster.js";
import { dataOf } from "../support/consumer.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { published } from "../support/published.js";
import { lacks } from "../support/requirements.js";
import { openV1 } from "../support/v1-consumer.js";

let cluster: Cluster;
let near: ClusterNode;
let far: ClusterNode;

describe.skipIf(await lacks("nats-server"))("between nodes", () => {
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2 });
    [near, far] = cluster.nodes as [ClusterNode, ClusterNode];
  });
  afterAll(() => cluster.close());

  it("an event taken by any node reaches the sockets of every node, once", async () => {
    await cluster.createInstance("fan-out");
    const consumers = await Promise.all([near, near, far, far].map((node) => node.open("fan-out")));
    for (const [n, node] of [near, far].entries())
      expect(await node.publish("fan-out", "label.update", { n })).toEqual({ status: 200, body: published });
    for (const consumer of consumers) expect((await consumer.take(2)).map((frame) => dataOf(frame).n)).toEqual([0, 1]);
  });

  it("carries the frame byte for byte as it is on the node that took it", async () => {
    await cluster.createInstance("bytes");
    const [here, there] = [await near.open("bytes"), await far.open("bytes")];
    const data = '{ "big": 12345678901234567890123, "exp":1e400, "text":"\\u00e9\\/é", "n" : [ ] }';
    const stream = openEventStream(near.grpcUrl, cluster.accountToken);
    stream.send({ sequence: 1n, events: [eventOf("bytes", "group.flow", data)] });
    expect(await stream.acknowledgement()).toEqual({ sequence: 1, published: 1, refusals: [] });
    stream.end();
    const frame = await there.next();
    expect(frame).toContain(`"data":${data}`);
    expect(frame).toBe(await here.next());
  });

  it("keeps what a publisher sends in order", async () => {
    await cluster.createInstance("order");
    const consumers = [await near.open("order"), await far.open("order")];
    const stream = openEventStream(near.grpcUrl, cluster.accountToken);
    const [batches, size] = [20, 100];
    for (let batch = 0; batch < batches; batch++) {
      const events = Array.from({ length: size }, (_, n) =>
        eventOf("order", "call.update", `{"n":${batch * size + n}}`),
      );
      stream.send({ sequence: BigInt(batch), events });
    }
    for (let batch = 0; batch < batches; batch++)
      expect(await stream.acknowledgement()).toMatchObject({ sequence: batch, published: size });
    stream.end();
    for (const consumer of consumers) {
      const numbers = (await consumer.take(batches * size)).map((frame) => dataOf(frame).n);
      expect(numbers).toEqual(Array.from({ length: batches * size }, (_, n) => n));
    }
  });

  it("gives a filter only what it takes, and an event that no filter takes never leaves its node", async () => {
    await cluster.createInstance("filtered", { events: ["message.status"] });
    const consumer = await far.open("filtered");
    const [unwanted = 0] = await near.bus("events_unwanted_total");
    const [received = 0] = await far.bus("events_received_total");
    await near.publish("filtered", "label.update", { n: 1 });
    await near.publish("filtered", "message.status", { n: 2 });
    expect(dataOf(await consumer.next())).toEqual({ n: 2 });
    expect(await near.bus("events_unwanted_total")).toEqual([unwanted + 1]);
    expect(await far.bus("events_received_total")).toEqual([received + 1]);
  });

  it("encodes and sends an event only when a socket on another node may get it", async () => {
    await cluster.createInstance("interest");
    const here = await near.open("interest");
    const counters = ["events_sent_total", "events_unwanted_total"];
    const [sent = 0, unwanted = 0] = await near.bus(...counters);
    const [received = 0] = await far.bus("events_received_total");
    for (let n = 0; n < 5; n++) await near.publish("interest", "label.update", { n });
    await here.take(5);
    expect(await near.bus(...counters)).toEqual([sent, unwanted + 5]);
    const there = await far.open("interest");
    await near.publish("interest", "label.update", { n: 5 });
    expect(dataOf(await there.next())).toEqual({ n: 5 });
    expect(await near.bus(...counters)).toEqual([sent + 1, unwanted + 5]);
    expect(await far.bus("events_received_total", "events_missed_total")).toEqual([received + 1, 0]);
  });

  it.each([true, false])("carries media, inline and raw, to a channel with mediaBase64 %s", async (mediaBase64) => {
    const instance = `media-${mediaBase64}`;
    await cluster.createInstance(instance, { mediaBase64 });
    const [here, there] = [await near.open(instance), await far.open(instance)];
    const media = Buffer.from(Array.from({ length: 3_000 }, (_, n) => n % 251));
    const base64 = media.toString("base64");
    await near.publish(instance, "message.exchange", { message: { media: { base64, type: "image" } } });
    const { publishEvent } = createClient(EventService, createGrpcTransport({ baseUrl: near.grpcUrl }));
    const dataJson = Buffer.from('{"message":{"media":{"type":"image"}}}');
    const event = { instance, event: "message.exchange", payload: { case: "dataJson", value: dataJson } } as const;
    await publishEvent({ ...event, media }, { headers: { token: cluster.accountToken } });
    const [inline, raw] = (await there.take(2)) as [string, string];
    expect([inline, raw]).toEqual(await here.take(2));
    for (const frame of [inline, raw])
      expect(dataOf(frame)).toEqual({ message: { media: { ...(mediaBase64 && { base64 }), type: "image" } } });
  });

  it("keeps two accounts with the same instance name apart", async () => {
    const token = /token\s+(\S+)/.exec(await cluster.command("account", "create", "other"))?.[1] as string;
    await cluster.createInstance("same");
    await cluster.createInstance("same", {}, token);
    const [mine, theirs] = [await far.open("same"), await far.open("same", token)];
    await near.publish("same", "label.update", { of: "mine" });
    await near.publish("same", "label.update", { of: "theirs" }, token);
    expect(dataOf(await mine.next())).toEqual({ of: "mine" });
    expect(dataOf(await theirs.next())).toEqual({ of: "theirs" });
    await near.publish("same", "label.update", { of: "mine", last: true });
    expect(dataOf(await mine.next())).toEqual({ of: "mine", last: true });
  });

  describe("a change at one node", () => {
    it("of the filter is in force on the open sockets of another", async () => {
      await cluster.createInstance("edited");
      const consumer = await far.open("edited");
      await near.call("POST", "/api/events/websocket/edited", { enabled: true, events: ["label.update"] });
      // The news is under way: once a pair arrives without its first event, it has come.
      for (let event = "call.update"; event === "call.update"; ) {
        await far.publish("edited", "call.update", {});
        await far.publish("edited", "label.update", {});
        event = JSON.parse(await consumer.next()).event;
        if (event === "call.update") await consumer.next();
      }
      await near.publish("edited", "call.update", { n: 1 });
      await near.publish("edited", "label.update", { n: 2 });
      expect(dataOf(await consumer.next())).toEqual({ n: 2 });
    });

    it("of mediaBase64 too", async () => {
      await cluster.createInstance("edited-media");
      const consumer = await far.open("edited-media");
      await near.call("POST", "/api/events/websocket/edited-media", { enabled: true, mediaBase64: true });
      const data = { message: { media: { base64: "AAAA" } } };
      do await near.publish("edited-media", "message.exchange", data);
      while (!(await consumer.next()).includes("AAAA"));
    });

    it("that deletes an instance closes the sockets of another with 4004", async () => {
      await cluster.createInstance("deleted");
      const consumer = await far.open("deleted");
      expect((await near.call("DELETE", "/api/instance/delete/deleted")).status).toBe(200);
      expect(await consumer.closed).toEqual([4004, "instance deleted"]);
    });

    it("that replaces or revokes a token closes the sockets of all that were opened with it, with 4001", async () => {
      const token = await cluster.createInstance("rotated");
      const rotated = await Promise.all([near, far].map((node) => node.open("rotated", token)));
      const spared = await far.open("rotated");
      await cluster.command("instance", "rotate", "rotated", "--account", "default");
      for (const { closed } of rotated) expect(await closed).toEqual([4001, "token revoked"]);

      const owner = /token\s+(\S+)/.exec(await cluster.command("account", "create", "leaving"))?.[1] as string;
      await cluster.createInstance("left", {}, owner);
      const left = await Promise.all([near, far].map((node) => node.open("left", owner)));
      await cluster.command("account", "revoke", "leaving");
      for (const { closed } of left) expect(await closed).toEqual([4001, "token revoked"]);
      expect(spared.socket.readyState).toBe(spared.socket.OPEN);
    });

    it("that disconnects the consumers of an instance or an account ends them on all nodes, with 4010 where the code is known, and no others", async () => {
      const owner = /token\s+(\S+)/.exec(await cluster.command("account", "create", "crowded"))?.[1] as string;
      for (const name of ["noisy", "calm"]) await cluster.createInstance(name, {}, owner);
      const whole = await openV1(far.url, `/ws?token=${owner}`);
      const openAll = (name: string) =>
        Promise.all([near.open(name, owner), far.open(name, owner), openV1(far.url, `/ws/${name}?token=${owner}`)]);
      const [noisy, calm] = [await openAll("noisy"), await openAll("calm")];
      const byOperator = (code: number) => [code, "disconnected by an operator"];
      const printed = await cluster.command("instance", "disconnect", "noisy", "--account", "crowded");
      expect(printed).toContain("2 follow the database");
      const ends = async (consumers: readonly { closed: Promise<unknown> }[]) =>
        Promise.all(consumers.map(({ closed }) => closed));
      expect(await ends(noisy)).toEqual([1001, 1001, 4010].map(byOperator));
      for (const { socket } of [...calm, whole]) expect(socket.readyState).toBe(socket.OPEN);
      // Nothing keeps them away.
      const again = await far.open("noisy", owner);
      await near.publish("noisy", "label.update", { n: 1 }, owner);
      expect(dataOf(await again.next())).toEqual({ n: 1 });

      const mine = await far.open("same");
      await cluster.command("account", "disconnect", "crowded");
      expect(await ends([...calm, again, whole])).toEqual([1001, 1001, 4010, 1001, 4010].map(byOperator));
      expect(mine.socket.readyState).toBe(mine.socket.OPEN);
    });
  });
});
