/** `grpc.health.v1.Health`, as balancers and kubelets ask it. */

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

let node: ServiceNode;
beforeEach(async () => {
  node = await startServiceNode({ serviceLimits: { healthWatchIntervalMs: 50 } });
});
afterEach(() => node.close());

const client = () => createClient(Health, createGrpcTransport({ baseUrl: node.url }));

it("serves as a whole and by service, without a token", async () => {
  for (const service of ["", "eventwire.v1.EventService", "grpc.health.v1.Health"])
    expect((await client().check({ service })).status).toBe(Status.SERVING);
  const { statuses } = await client().list({});
  expect(statuses["eventwire.v1.WebsocketService"]?.status).toBe(Status.SERVING);
});

it("answers the plain JSON of a probe, too", async () => {
  const response = await fetch(`${node.url}/grpc.health.v1.Health/Check`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect([response.status, await response.json()]).toEqual([200, { status: "SERVING" }]);
});

it("does not know other services", async () => {
  const refusal = await client()
    .check({ service: "eventwire.v1.Unknown" })
    .catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ConnectError);
  expect(refusal).toMatchObject({ code: Code.NotFound, rawMessage: "Unknown service" });
  for await (const { status } of client().watch({ service: "eventwire.v1.Unknown" })) {
    expect(status).toBe(Status.SERVICE_UNKNOWN);
    break;
  }
});

it("refuses what it cannot read in its own words", async () => {
  const response = await fetch(`${node.url}/grpc.health.v1.Health/Check`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{",
  });
  expect(await response.json()).toMatchObject({ code: "invalid_argument", message: "Invalid request body" });
});

it("tells watchers when the database goes", async () => {
  const watch = client().watch({})[Symbol.asyncIterator]();
  expect((await watch.next()).value.status).toBe(Status.SERVING);
  await node.database.drop();
  expect((await watch.next()).value.status).toBe(Status.NOT_SERVING);
  expect((await client().check({})).status).toBe(Status.NOT_SERVING);
});

it.each([
  ["gRPC", createGrpcTransport],
  ["Connect", (options: { baseUrl: string }) => createConnectTransport({ ...options, httpVersion: "2" })],
])("tells watchers by %s when the node goes, and lets them go", async (_, transport) => {
  const watch = createClient(Health, transport({ baseUrl: node.url }))
    .watch({})
    [Symbol.asyncIterator]();
  expect((await watch.next()).value.status).toBe(Status.SERVING);
  const closed = node.port.close(600_000);
  expect((await watch.next()).value.status).toBe(Status.NOT_SERVING);
  expect((await watch.next()).done).toBe(true);
  await closed;
});

it("tells everyone at once that the node drains, and keeps its watchers until it ends", async () => {
  await node.close();
  node = await startServiceNode({ serviceLimits: { healthWatchIntervalMs: 600_000 } });
  const watch = client().watch({})[Symbol.asyncIterator]();
  const unknown = client().watch({ service: "eventwire.v1.Unknown" })[Symbol.asyncIterator]();
  expect((await watch.next()).value.status).toBe(Status.SERVING);
  expect((await unknown.next()).value.status).toBe(Status.SERVICE_UNKNOWN);
  node.draining.abort();
  expect((await watch.next()).value.status).toBe(Status.NOT_SERVING);
  expect((await client().check({ service: "eventwire.v1.EventService" })).status).toBe(Status.NOT_SERVING);
  const response = await fetch(`${node.url}/metrics`);
  expect([response.status, response.headers.get("connection")]).toEqual([200, "close"]);
  const closed = node.port.close(600_000);
  expect([(await watch.next()).done, (await unknown.next()).done]).toEqual([true, true]);
  await closed;
});

it("forgets watchers that went", async () => {
  const leaving = new AbortController();
  const watch = client().watch({}, { signal: leaving.signal })[Symbol.asyncIterator]();
  await watch.next();
  leaving.abort();
  await expect(watch.next()).rejects.toThrow("[canceled]");
  await node.port.close(600_000);
});
