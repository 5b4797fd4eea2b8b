/** How the service port ends: politely within its deadline, by force behind it. */

import { once } from "node:events";
import { connect as connectH2, type ServerHttp2Session } from "node:http2";
import { connect } from "node:net";
import pg from "pg";
import { afterEach, beforeEach, expect, it } from "vitest";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { openH2 } from "../support/h2-client.js";
import { openRaw, requestHead } from "../support/raw-http.js";
import { faceNames, openFace } from "../support/rpc-faces.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const { listInstances, createInstance } = InstanceService.method;

/** Much longer than a test may take: what waits for it fails. */
const never = 600_000;

let node: ServiceNode;
beforeEach(async () => {
  node = await startServiceNode();
});
afterEach(() => node.close());

/** Calls that need the table wait until the returned function is called. */
async function lockInstances(): Promise<{ waiting(calls: number): Promise<void>; release(): Promise<void> }> {
  const client = new pg.Client({ connectionString: node.database.url });
  await client.connect();
  await client.query("begin");
  await client.query("lock table instance in access exclusive mode");
  return {
    async waiting(calls) {
      const count =
        "select count(*)::int as n from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())";
      while ((await client.query(count)).rows[0].n < calls);
    },
    async release() {
      await client.query("rollback");
      await client.end();
    },
  };
}

it("lets calls in flight finish, on every face, and takes no new ones", async () => {
  const lock = await lockInstances();
  const faces = faceNames.map((name) => openFace(name, node.url));
  const calls = faces.map((face) => face.call(listInstances, {}, { token: node.token }));
  await lock.waiting(1);
  // One call per face was sent; the database hands out its connections one after the other.
  const inFlight = await openRaw(node.port.port);
  await inFlight.send(requestHead("GET /metrics"));
  expect((await inFlight.response())?.status).toBe(200);
  const closed = node.port.close(never);
  const late = connect(node.port.port, "127.0.0.1");
  const [error] = await once(late, "error");
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
  await lock.release();
  for (const { outcome } of await Promise.all(calls))
    expect(outcome).toMatchObject({ answer: { message: "0 Instances found" } });
  await closed;
  for (const face of faces) face.close();
});

it("ends streams with UNAVAILABLE, so that producers come back", async () => {
  const face = openFace("gRPC", node.url);
  await face.call(createInstance, { name: "desk" }, { token: node.token });
  const stream = openEventStream(node.url, node.token);
  stream.send({ events: [eventOf("desk", "call.update", "{}")] });
  expect(await stream.acknowledgement()).toMatchObject({ published: 1 });
  const closed = node.port.close(never);
  await expect(stream.acknowledgement()).rejects.toThrow("[unavailable] Shutting down. Try again later.");
  await closed;
});

it("does not wait for connections that are silent or idle", async () => {
  const silent = await openRaw(node.port.port);
  const kept = await openRaw(node.port.port);
  await kept.send(requestHead("GET /metrics"));
  await kept.response();
  const idle = await openH2(node.port.port);
  await node.port.close(never);
  await Promise.all([silent.ended(), kept.ended(), idle.session.closed || once(idle.session, "close")]);
});

it("tells HTTP/2 clients to go away and HTTP/1.1 clients to close", async () => {
  const lock = await lockInstances();
  const session = connectH2(node.url);
  const goaway = once(session as unknown as ServerHttp2Session, "goaway");
  const face = openFace("Connect JSON on HTTP/1.1", node.url);
  const call = face.call(listInstances, {}, { token: node.token });
  const stream = session.request({
    ":method": "POST",
    ":path": "/eventwire.v1.InstanceService/CreateInstance",
    "content-type": "application/json",
    token: node.token,
  });
  // Not a second list: lists take turns, and would not both wait in the database.
  stream.end('{"name":"late"}');
  const answered = once(stream, "response");
  stream.resume();
  await lock.waiting(2);
  const closed = node.port.close(never);
  await goaway;
  await lock.release();
  const { metadata } = await call;
  expect(metadata.get("connection")).toBe("close");
  expect((await answered)[0]).toMatchObject({ ":status": 200 });
  await closed;
});

it("cuts what is left at its deadline", async () => {
  const lock = await lockInstances();
  const face = openFace("gRPC", node.url);
  const call = face.call(listInstances, {}, { token: node.token });
  await lock.waiting(1);
  await node.port.close(100);
  expect((await call).outcome).toHaveProperty("code");
  await lock.release();
});

it("closes once, however often it is asked", async () => {
  await Promise.all([node.port.close(never), node.port.close(never)]);
  await node.port.close(never);
});
