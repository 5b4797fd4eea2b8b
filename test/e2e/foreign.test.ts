/** Clients of other makers, each from its first call to a frame or an error that it understands. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataOf, openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { published } from "../support/published.js";
import { lacks } from "../support/requirements.js";

const run = promisify(execFile);

let server: PublicServer;
let account: string;
beforeAll(async () => {
  server = await startPublicServer();
  account = server.accountToken;
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
});
afterAll(() => server.close());

const connect = () => openConsumer(server.url, "/ws/desk-1?token=ti_desk-one");

it.skipIf(await lacks("curl"))("curl creates, configures, publishes, lists and deletes", async () => {
  const curl = async (...args: string[]) => {
    const { stdout } = await run("curl", ["-sS", "-H", `token: ${account}`, "-w", "\n%{http_code}", ...args]);
    const [text = "", status] = stdout.split("\n");
    return [Number(status), JSON.parse(text).message];
  };
  const json = ["-H", "Content-Type: application/json", "-d"];
  expect(await curl(`${server.url}/api/instance/new`, ...json, '{"name":"by-curl"}')).toEqual([
    201,
    "Instance created",
  ]);
  const websocket = `${server.url}/api/events/websocket/by-curl`;
  expect(await curl(websocket, ...json, '{"enabled":true}')).toEqual([200, "WebSocket configured successfully"]);
  const consumer = await openConsumer(server.url, `/ws/by-curl?token=${account}`);
  const event = '{"event":"call.update","data":{"by":"curl"}}';
  expect(await curl(`${server.url}/api/events/publish/by-curl`, ...json, event)).toEqual([200, "Event published"]);
  expect(dataOf(await consumer.next())).toEqual({ by: "curl" });
  const list = `${server.url}/api/instance/list?instanceName=by-curl`;
  expect(await curl("--http2", list)).toEqual([200, "1 Instance found"]);
  expect(await curl("-X", "DELETE", `${server.url}/api/instance/delete/by-curl`)).toEqual([200, "Instance deleted"]);
  expect(await consumer.closed).toEqual([4004, "instance deleted"]);
});

it.skipIf(await lacks("python3"))("Python's standard library, HTTP and WebSocket", async () => {
  const args = ["test/e2e/foreign/client.py", "127.0.0.1", String(server.port), account, "by-python"];
  expect((await run("python3", args)).stdout).toBe("ok\n");
});

it.skipIf(await lacks("go"))("Go's standard library, HTTP and WebSocket", { timeout: 60_000 }, async () => {
  const args = ["run", "test/e2e/foreign/client.go", `127.0.0.1:${server.port}`, account, "by-go"];
  expect((await run("go", args)).stdout).toBe("ok\n");
});

describe("@grpc/grpc-js with the .proto files alone", () => {
  // biome-ignore lint/suspicious/noExplicitAny: the loader makes its classes at run time.
  let api: any;
  let metadata: grpc.Metadata;
  const credentials = grpc.credentials.createInsecure();
  beforeAll(() => {
    const definition = loadSync(
      [
        "eventwire/v1/event_service.proto",
        "eventwire/v1/subscription_service.proto",
        "eventwire/v1/websocket_service.proto",
        "grpc/health/v1/health.proto",
      ],
      { includeDirs: ["proto", "proto/vendor"], keepCase: true, longs: Number, enums: String },
    );
    api = grpc.loadPackageDefinition(definition);
    metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${account}`);
  });

  function call(client: grpc.Client & Record<string, unknown>, method: string, request: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const unary = client[method] as (...args: unknown[]) => void;
      unary.call(client, request, metadata, (error: Error | null, answer: unknown) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  }

  it("configures a channel and reads an error", async () => {
    const client = new api.eventwire.v1.WebsocketService(new URL(server.server.grpcUrl).host, credentials);
    const websocket = { enabled: true, events: ["call.update"], media_base64: true };
    expect(await call(client, "SetWebsocket", { instance: "desk-1", ...websocket })).toEqual({
      success: true,
      message: "WebSocket configured successfully",
      websocket,
    });
    await expect(call(client, "GetWebsocket", { instance: "nobody's" })).rejects.toMatchObject({
      code: grpc.status.NOT_FOUND,
      details: "Instance not found",
    });
    await call(client, "SetWebsocket", { instance: "desk-1", enabled: true });
    client.close();
  });

  it("streams batches and reads their acknowledgements", async () => {
    const consumer = await connect();
    const client = new api.eventwire.v1.EventService(new URL(server.server.grpcUrl).host, credentials);
    const stream = client.PublishEvents(metadata);
    const acknowledgements: { sequence: number; published: number }[] = [];
    stream.on("data", (acknowledgement: { sequence: number; published: number }) => {
      acknowledgements.push(acknowledgement);
    });
    for (let sequence = 1; sequence <= 5; sequence++) {
      const events = [0, 1, 2].map((n) => ({
        instance: "desk-1",
        event: "call.update",
        data_json: Buffer.from(`{"n":${3 * sequence + n}}`),
      }));
      stream.write({ sequence, events });
    }
    stream.end();
    await once(stream, "end");
    expect(acknowledgements.map(({ sequence, published }) => [sequence, published])).toEqual(
      [1, 2, 3, 4, 5].map((sequence) => [sequence, 3]),
    );
    expect((await consumer.take(15)).map((frame) => dataOf(frame).n)).toEqual([...Array(18).keys()].slice(3));
    client.close();
  });

  it("subscribes, reads events, and reads why its stream ends", async () => {
    await server.createInstance("by-stream", "ti_by-stream", { enabled: true });
    const client = new api.eventwire.v1.SubscriptionService(new URL(server.server.grpcUrl).host, credentials);
    const stream = client.Subscribe({ instance: "by-stream", events: ["call.update"] }, metadata);
    const frames: Record<string, { data_json: Buffer; code: number }>[] = [];
    stream.on("data", (frame: (typeof frames)[number]) => void frames.push(frame));
    const ended = once(stream, "end").catch((error: unknown) => error);
    await expect.poll(() => frames.length).toBe(1);
    for (const event of ["call.update", "label.update", "call.update"])
      await server.call("POST", "/api/events/publish/by-stream", { event, data: { event } });
    await server.call("DELETE", "/api/instance/delete/by-stream");
    expect(await ended).toMatchObject({ code: grpc.status.NOT_FOUND, details: "instance deleted" });
    expect(frames.map((frame) => Object.keys(frame)[0])).toEqual(["hello", "event", "event", "closing"]);
    expect(frames[1]?.event?.data_json.toString()).toBe('{"event":"call.update"}');
    expect(frames[3]?.closing?.code).toBe(4004);
    client.close();
  });

  it("asks the standard health service", async () => {
    const client = new api.grpc.health.v1.Health(new URL(server.server.grpcUrl).host, credentials);
    expect(await call(client, "Check", { service: "eventwire.v1.EventService" })).toMatchObject({ status: "SERVING" });
    await expect(call(client, "Check", { service: "nobody's" })).rejects.toMatchObject({
      code: grpc.status.NOT_FOUND,
    });
    client.close();
  });
});

describe("buf curl", () => {
  const method = "eventwire.v1.EventService/PublishEvent";
  const h2c = "--http2-prior-knowledge";

  /** Publishes one event; what it prints. Rejects with what it prints of an error. */
  async function publish(baseUrl: string, token: string, ...args: string[]): Promise<string> {
    const data = JSON.stringify({ instance: "desk-1", event: "group.flow", data: { args } });
    const options = ["--header", `token: ${token}`, "--data", data, ...args];
    return (await run("node_modules/.bin/buf", ["curl", ...options, `${baseUrl}/${method}`])).stdout;
  }

  it.each([
    ["gRPC, by reflection", () => server.server.grpcUrl, ["--protocol", "grpc", h2c]],
    ["gRPC-Web, by reflection", () => server.server.grpcUrl, ["--protocol", "grpcweb", h2c]],
    ["Connect, by reflection", () => server.server.grpcUrl, ["--protocol", "connect", h2c]],
    ["Connect on the public port, with the schema", () => server.url, ["--protocol", "connect", "--schema", "."]],
    ["gRPC-Web on the public port, with the schema", () => server.url, ["--protocol", "grpcweb", "--schema", "."]],
  ])("publishes over %s", async (_, baseUrl, args) => {
    const consumer = await connect();
    const printed = await publish(baseUrl(), account, ...args);
    expect(JSON.parse(printed)).toEqual(published);
    expect(dataOf(await consumer.next())).toEqual({ args });
  });

  it.each(["grpc", "grpcweb", "connect"])("says an error in our words over %s", async (protocol) => {
    const refusal = publish(server.server.grpcUrl, "nobody's", "--protocol", protocol, h2c);
    await expect(refusal).rejects.toMatchObject({ stderr: expect.stringContaining('"message": "Invalid token"') });
  });

  it("lists the methods by reflection", async () => {
    const { stdout } = await run("node_modules/.bin/buf", ["curl", h2c, "--list-methods", server.server.grpcUrl]);
    expect(stdout.split("\n")).toEqual(expect.arrayContaining([method, "eventwire.v1.InstanceService/ListInstances"]));
  });
});
