/** A rolling upgrade from the release before: its real program and this one on one PostgreSQL and one nats-server. */

import { Code } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type Cluster, type ClusterNode, startCluster } from "../support/cluster.js";
import { type Consumer, dataOf } from "../support/consumer.js";
import { jetStream } from "../support/history-nodes.js";
import { startNatsServer } from "../support/nats-server.js";
import { olderVersion, unpackOlderRelease } from "../support/older-release.js";
import { lacks } from "../support/requirements.js";
import { subscribe } from "../support/subscriber.js";
import { until } from "../support/until.js";
import { openV1 } from "../support/v1-consumer.js";

let cluster: Cluster;
/** Two nodes of the release before, which made the database, and one that has joined them. */
let older: readonly [ClusterNode, ClusterNode];
let newer: ClusterNode;
const program = unpackOlderRelease();

interface Frame {
  readonly id: string;
  readonly data: { readonly n: number };
}

const changed = { enabled: true, events: ["label.update"], mediaBase64: false };

async function stop({ program }: ClusterNode): Promise<void> {
  program.kill("SIGTERM");
  expect(await program.ended).toBe(0);
}

function numbers(consumer: Consumer, count: number): Promise<unknown[]> {
  return consumer.take(count).then((frames) => frames.map((frame) => dataOf(frame).n));
}

describe.skipIf(await lacks("nats-server"))(`beside nodes of release ${olderVersion}`, () => {
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 0, nats: await startNatsServer(jetStream()), env: { DRAIN_SECONDS: "1" } });
    older = [await cluster.startNode({}, program.file), await cluster.startNode({}, program.file)];
    await cluster.createInstance("desk");
    newer = await cluster.startNode();
    await Promise.all([...older, newer].map((node) => node.connected()));
  });
  afterAll(async () => {
    await cluster?.close();
    program.remove();
  });

  it("an event that either takes reaches the consumers of both, once and in order, with one id", async () => {
    const plain = [await older[1].open("desk"), await newer.open("desk")];
    const v1 = await Promise.all(
      [newer, newer].map(({ url }) => openV1(url, `/ws/desk?token=${cluster.accountToken}`)),
    );
    // The events of the older nodes would be missing in the history.
    for (const { frame } of v1)
      expect(await frame()).toMatchObject({ control: "hello", instance: "desk", history: null, position: null });
    const count = 20;
    for (let n = 0; n < count; n++) {
      const answer = await (n % 2 === 0 ? older[0] : newer).publish("desk", "label.update", { n });
      expect(answer).toMatchObject({ status: 200, body: { success: true } });
    }
    const all = Array.from({ length: count }, (_, n) => n);
    for (const consumer of plain) expect(await numbers(consumer, count)).toEqual(all);
    const framesOf = async (consumer: Consumer) =>
      (await consumer.take(count)).map((text) => JSON.parse(text) as Frame);
    const [one, two] = [await framesOf(v1[0] as Consumer), await framesOf(v1[1] as Consumer)];
    expect(one.map(({ data }) => data.n)).toEqual(all);
    expect(two.map(({ id }) => id)).toEqual(one.map(({ id }) => id));
    expect(new Set(one.map(({ id }) => id)).size).toBe(count);
    expect(await newer.bus("missed_total", "interruptions_total")).toEqual([0, 0]);
  });

  it("a change that either stores is in force on both", async () => {
    await cluster.createInstance("edited");
    const consumer = await openV1(newer.url, `/ws/edited?token=${cluster.accountToken}`);
    await consumer.frame();
    await older[0].call("POST", "/api/events/websocket/edited", changed);
    expect(await consumer.frame()).toMatchObject({
      control: "config_changed",
      configurationVersion: 2,
      filter: { events: ["label.update"] },
    });
    await newer.call("POST", "/api/events/websocket/edited", { ...changed, enabled: false });
    await until(async () => (await older[1].call("GET", "/ws/edited")).status !== 426);
    expect((await older[1].call("GET", "/api/events/getWebsocket/edited")).body).toMatchObject({
      websocket: { enabled: false },
    });
  });

  it("a connection to a whole account is refused until the last of them has gone, nobody misses an event, and the connection ends when one joins again", async () => {
    const wholeAccount = () => openV1(newer.url, `/ws?token=${cluster.accountToken}`);
    const refused = await wholeAccount();
    expect((await refused.end()).last).toMatchObject({ control: "refused", reason: "OLDER_NODE", reconnect: true });
    const subscribeTo = (instance: string) =>
      subscribe(createGrpcTransport({ baseUrl: newer.grpcUrl }), cluster.accountToken, { instance });
    const stream = subscribeTo("desk");
    expect((await stream.next()).case).toBe("hello");
    const leaving = await Promise.all(older.map((node) => node.open("desk")));
    const staying = await newer.open("desk");
    let n = 0;
    for (const [at, node] of older.entries()) {
      await older[1].publish("desk", "label.update", { n: n++ });
      await stop(node);
      expect(await leaving[at]?.closed).toEqual([1001, expect.any(String)]);
      await newer.publish("desk", "label.update", { n: n++ });
    }
    const all = Array.from({ length: n }, (_, i) => i);
    expect(await numbers(staying, n)).toEqual(all);
    expect(await stream.data(n)).toEqual(all.map((i) => ({ n: i })));
    await until(async () => (await (await wholeAccount()).frame()).control === "hello");
    const whole = await wholeAccount();
    await whole.frame();
    const successor = await cluster.startNode();
    await successor.connected();
    await successor.publish("edited", "label.update", { n });
    await successor.publish("desk", "label.update", { n });
    expect(await whole.frame()).toMatchObject({
      event: "label.update",
      data: { n },
      instanceData: { instance: "desk" },
    });

    const wholeStream = subscribeTo("");
    await wholeStream.next();
    await cluster.startNode({}, program.file);
    expect(await whole.end()).toMatchObject({
      last: { control: "closing", code: 4500, reconnect: true },
      close: [4500, "internal error"],
    });
    expect(await wholeStream.next()).toMatchObject({ case: "closing", value: { code: 4500, reconnect: true } });
    expect(await wholeStream.ended).toMatchObject({ code: Code.Internal, rawMessage: "internal error" });
    expect((await subscribeTo("").ended)?.findDetails(ErrorInfoSchema)).toMatchObject([{ reason: "OLDER_NODE" }]);
    const desk = await openV1(newer.url, `/ws/desk?token=${cluster.accountToken}`);
    expect(await desk.frame()).toMatchObject({ control: "hello", instance: "desk" });
  });
});
