/** Debian's nginx with `deploy/nginx.conf` in front of two nodes on one database. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  EventService,
  PublishEventsRequestSchema,
  type PublishEventsResponse,
  PublishEventsResponseSchema,
} from "../../gen/eventwire/v1/event_service_pb.js";
import { type Balancer, startBalancer } from "../support/balancer.js";
import { json } from "../support/call-table.js";
import { canRun } from "../support/can-run.js";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { eventOf } from "../support/event-stream.js";
import { openH2 } from "../support/h2-client.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openFace } from "../support/rpc-faces.js";

const account = "ta_of-two-balanced-nodes";
const shared = { ACCOUNT_TOKEN: account, ENCRYPTION_KEY: "6".repeat(64) };

describe.skipIf(!(await canRun("nginx", ["-v"])))("behind the balancer", () => {
  let nodes: PublicServer[];
  let balancer: Balancer;
  beforeAll(async () => {
    const first = await startPublicServer(shared);
    const second = await startPublicServer(shared, async () => first.database.url);
    nodes = [first, second];
    balancer = await startBalancer([first.server, second.server]);
  });
  afterAll(async () => {
    await balancer?.close();
    for (const node of nodes.toReversed()) await node.close();
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

  async function publish(url: string, instance: string, data: object): Promise<void> {
    const answer = await call(url, "POST", `/api/events/publish/${instance}`, { event: "call.update", data });
    expect(await answer.json()).toMatchObject({ success: true });
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

  it("sockets open on both nodes, and get what is published there", async () => {
    const consumers = await connectToBoth("frames");
    for (const [i, node] of nodes.entries()) await publish(node.url, "frames", { node: i });
    const got = await Promise.all(consumers.map(async (consumer) => dataOf(await consumer.next()).node));
    expect(got.sort()).toEqual([0, 1]);
  });

  it("an event of 10 MiB passes whole, in and out", async () => {
    const consumers = await connectToBoth("large");
    const text = "x".repeat(10 * 2 ** 20);
    await publish(balancer.url, "large", { text });
    const frame = await Promise.race(consumers.map((consumer) => consumer.next()));
    expect(dataOf(frame).text === text).toBe(true);
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

  it("gRPC calls pass", async () => {
    const consumers = await connectToBoth("unary");
    const face = openFace("gRPC of grpc-js", balancer.grpcUrl);
    const request = { instance: "unary", event: "call.update", payload: json('{"n":1}') };
    const { outcome } = await face.call(EventService.method.publishEvent, request, { token: account });
    face.close();
    expect(outcome).toMatchObject({ answer: { success: true } });
    expect(dataOf(await Promise.race(consumers.map((consumer) => consumer.next())))).toEqual({ n: 1 });
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
    const [staying, leaving] = nodes as [PublicServer, PublicServer];
    await leaving.server.close();
    expect(await Promise.race(consumers.map((consumer) => consumer.closed))).toEqual([1001, "shutting down"]);
    for (let n = 0; n < 4; n++) {
      const consumer = await connect("moving");
      await publish(balancer.url, "moving", { n });
      expect(dataOf(await consumer.next())).toEqual({ n });
    }
    expect(staying.server.url).not.toBe(leaving.server.url);

    const { access, error } = balancer.log();
    expect(access).toMatch(/ GET \/ws\/moving 101 /);
    // The stopped node was tried.
    expect(access).toMatch(/ 50\d, (101|200)\n/);
    for (const secret of [account, ...["frames", "large", "moving", "deleted"].map(tokenOf)]) {
      expect(access).not.toContain(secret);
      expect(error).not.toContain(secret);
    }
  });
});
