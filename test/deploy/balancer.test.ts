/** Debian's nginx with `deploy/nginx.conf` in front of two nodes on one database and one NATS. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  EventService,
  PublishEventsRequestSchema,
  type PublishEventsResponse,
  PublishEventsResponseSchema,
} from "../../gen/eventwire/v1/event_service_pb.js";
import { type Balancer, startBalancer } from "../support/balancer.js";
import { json } from "../support/call-row.js";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { eventOf } from "../support/event-stream.js";
import { openH2 } from "../support/h2-client.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { published } from "../support/published.js";
import { lacks } from "../support/requirements.js";
import { openFace } from "../support/rpc-faces.js";
import { scrape } from "../support/scrape.js";
import { subscribe } from "../support/subscriber.js";
import { until } from "../support/until.js";
import { openV1 } from "../support/v1-consumer.js";

const account = "ta_of-two-balanced-nodes";
const shared = { ACCOUNT_TOKEN: account, ENCRYPTION_KEY: "6".repeat(64) };

describe.skipIf(await lacks("nats-server", "nginx"))("behind the balancer", () => {
  let nats: NatsServer;
  let nodes: PublicServer[];
  let balancer: Balancer;
  beforeAll(async () => {
    nats = await startNatsServer();
    const env = { ...shared, NATS_URL: nats.url };
    const first = await startPublicServer(env);
    const second = await startPublicServer(env, async () => first.database.url);
    nodes = [first, second];
    // On a busy machine they listen before they have read their database.
    for (const { url } of nodes) await until(async () => (await fetch(`${url}/health`)).ok);
    balancer = await startBalancer([first.server, second.server]);
  });
  afterAll(async () => {
    await balancer?.close();
    for (const node of nodes.toReversed()) await node.close();
    await nats.close();
  });

  function call(url: string, method: string, path: string, body?: object): Promise<Response> {
    return fetch(`${url}${path}`, {
      method,
      headers: { token: account, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  const tokenOf = (instance: string) => `token-of-${instance}`;

  /** Known to both nodes. */
  async function createInstance(name: string): Promise<void> {
    const body = { name, token: tokenOf(name), websocketEnabled: true };
    expect((await call(balancer.url, "POST", "/api/instance/new", body)).status).toBe(201);
    for (const node of nodes) while ((await call(node.url, "GET", `/ws/${name}`)).status !== 426);
  }

  const connect = (instance: string) => openConsumer(balancer.url, `/ws/${instance}?token=${tokenOf(instance)}`);

  async function publish(instance: string, data: object): Promise<void> {
    const answer = await call(balancer.url, "POST", `/api/events/publish/${instance}`, { event: "call.update", data });
    expect(await answer.json()).toEqual(published);
  }

  /** One socket on each node: they are balanced by what each has open. */
  async function connectToBoth(instance: string): Promise<Consumer[]> {
    await createInstance(instance);
    return [await connect(instance), await connect(instance)];
  }

  it("REST calls, their errors and their rate headers pass", async () => {
    await createInstance("rest");
    const listed = await call(balancer.url, "GET", "/api/instance/list?instanceName=rest");
    expect(await listed.json()).toMatchObject({ success: true, instances: [{ name: "rest" }] });
    const missing = await call(balancer.url, "GET", "/api/events/getWebsocket/nobody");
    expect(missing.status).toBe(404);
    expect(await missing.json()).toEqual({ success: false, error: { message: "Instance not found" } });
    expect((await fetch(`${balancer.url}/health`)).status).toBe(200);
    const stranger = await fetch(`${balancer.url}/api/instance/list`, { headers: { token: "nobody's" } });
    expect(stranger.status).toBe(401);
  });

  it("sockets open on both nodes, and get what one publisher publishes in its order", async () => {
    const consumers = await connectToBoth("frames");
    const counts = await Promise.all(nodes.map(({ server }) => scrape(server.grpcUrl, "eventwire_sockets")));
    expect(counts).toEqual([[1], [1]]);
    for (let n = 0; n < 20; n++) await publish("frames", { n });
    for (const consumer of consumers) {
      const frames = await consumer.take(20);
      expect(frames.map((frame) => dataOf(frame).n)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    }
    const takers = [...balancer.log().access.matchAll(/POST \/api\/events\/publish\/frames .* (\S+) 200\n/g)];
    expect(new Set(takers.map(([, node]) => node)).size).toBe(1);
    for (const consumer of consumers) consumer.socket.close();
    await Promise.all(consumers.map((consumer) => consumer.closed));
  });

  it("a consumer of eventwire.v1 gets its sub-protocol and its frames, speaks, and reads why it is refused", async () => {
    await createInstance("protocol");
    const consumer = await openV1(balancer.url, `/ws/protocol?token=${tokenOf("protocol")}`);
    expect(consumer.socket.protocol).toBe("eventwire.v1");
    expect((await consumer.frame()).control).toBe("hello");
    consumer.send({ control: "narrow", events: ["call.update"] });
    expect((await consumer.frame()).control).toBe("narrowed");
    await publish("protocol", { n: 1 });
    expect((await consumer.frame()).data).toEqual({ n: 1 });
    consumer.socket.close();
    await consumer.closed;
    const refused = await openV1(balancer.url, "/ws/protocol?token=nobody");
    expect(await refused.end()).toMatchObject({ last: { status: 401 }, close: [4401, "invalid token"] });
  });

  it("a stream of Subscribe passes frame by frame, on both ports", async () => {
    await createInstance("subscribed");
    const streams = [
      createConnectTransport({ baseUrl: balancer.url, httpVersion: "1.1" }),
      createGrpcTransport({ baseUrl: balancer.grpcUrl }),
    ].map((transport) => subscribe(transport, tokenOf("subscribed"), { instance: "subscribed" }));
    for (const { next } of streams) expect((await next()).case).toBe("hello");
    await publish("subscribed", { n: 1 });
    for (const { data } of streams) expect(await data(1)).toEqual([{ n: 1 }]);
    for (const { cancel } of streams) cancel();
  });

  it("an event of 10 MiB passes whole, in and out", async () => {
    const consumers = await connectToBoth("large");
    const text = "x".repeat(10 * 2 ** 20);
    await publish("large", { text });
    for (const consumer of consumers) expect(dataOf(await consumer.next()).text === text).toBe(true);
  });

  it("the node says what is too large, and the balancer says it like the node", async () => {
    await createInstance("limit");
    for (const bytes of [16.5 * 2 ** 20, 18 * 2 ** 20]) {
      const body = { event: "call.update", data: { text: "x".repeat(bytes) } };
      const refused = await call(balancer.url, "POST", "/api/events/publish/limit", body);
      expect(refused.status).toBe(413);
      expect(await refused.json()).toEqual({ success: false, error: { message: "Event too large" } });
    }
  });

  it("gRPC calls pass, and those of one connection keep their order", async () => {
    const consumers = await connectToBoth("unary");
    const face = openFace("gRPC of grpc-js", balancer.grpcUrl);
    for (let n = 0; n < 10; n++) {
      const request = { instance: "unary", event: "call.update", payload: json(`{"n":${n}}`) };
      const { outcome } = await face.call(EventService.method.publishEvent, request, { token: account });
      expect(outcome).toMatchObject({ answer: { success: true } });
    }
    face.close();
    for (const consumer of consumers) {
      for (let n = 0; n < 10; n++) expect(dataOf(await consumer.next())).toEqual({ n });
    }
  });

  it("a stream of batches passes both ways, also when all of it is larger than a body may be", async () => {
    await createInstance("stream");
    const client = new grpc.Client(new URL(balancer.grpcUrl).host, grpc.credentials.createInsecure());
    const metadata = new grpc.Metadata();
    metadata.set("token", account);
    const call = client.makeBidiStreamRequest(
      "/eventwire.v1.EventService/PublishEvents",
      (request: Parameters<typeof create<typeof PublishEventsRequestSchema>>[1]) =>
        Buffer.from(toBinary(PublishEventsRequestSchema, create(PublishEventsRequestSchema, request))),
      (bytes: Buffer) => fromBinary(PublishEventsResponseSchema, bytes),
      metadata,
    );
    const answers = call[Symbol.asyncIterator]() as AsyncIterator<PublishEventsResponse>;
    const large = eventOf("stream", "call.update", `{"text":"${"x".repeat(2 ** 20)}"}`);
    for (let sequence = 1n; sequence <= 20n; sequence++) {
      call.write({ sequence, events: [large] });
      expect((await answers.next()).value).toMatchObject({ sequence, published: 1 });
    }
    call.end();
    expect((await answers.next()).done).toBe(true);
    client.close();
  });

  it("nothing but the services is served to producers", async () => {
    const client = await openH2(balancer.grpcPort);
    const stream = client.request({ ":path": "/metrics" });
    stream.end();
    expect((await stream.headers())[":status"]).toBe(404);
    client.destroy();
  });

  it("the close code of a deleted instance reaches the sockets of both nodes", async () => {
    const consumers = await connectToBoth("deleted");
    expect((await call(balancer.url, "DELETE", "/api/instance/delete/deleted")).status).toBe(200);
    for (const consumer of consumers) expect(await consumer.closed).toEqual([4004, "instance deleted"]);
  });

  it("who loses a node comes back on the other one, and no token is in a log", async () => {
    const consumers = await connectToBoth("moving");
    const [, leaving] = nodes as [PublicServer, PublicServer];
    const left = leaving.server.close();
    expect(await Promise.race(consumers.map((consumer) => consumer.closed))).toEqual([1001, "shutting down"]);
    async function comeBack(n: number): Promise<void> {
      const consumer = await connect("moving");
      await publish("moving", { n });
      expect(dataOf(await consumer.next())).toEqual({ n });
      consumer.socket.close();
      await consumer.closed;
    }
    // While it drains, and when it is gone.
    await comeBack(0);
    await left;
    for (let n = 1; n < 5; n++) await comeBack(n);

    // A line comes when its socket has ended. The stopped node was tried.
    await until(() => / GET \/ws\/moving 101 .* 502, 101\n/.test(balancer.log().access));
    const { access, error } = balancer.log();
    for (const secret of [account, ...["frames", "large", "moving", "deleted"].map(tokenOf)]) {
      expect(access).not.toContain(secret);
      expect(error).not.toContain(secret);
    }
  });
});
