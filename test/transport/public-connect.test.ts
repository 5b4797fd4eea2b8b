/** Connect and gRPC-Web on the public port, by the library's own clients and by hand. */

import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { HealthService } from "../../gen/eventwire/v1/health_service_pb.js";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { jsonRequest, openRaw, requestHead, sendRaw } from "../support/raw-http.js";

let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
});

afterAll(() => server.close());

const protocols = {
  "Connect with JSON": (baseUrl: string) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  "Connect with binary messages": (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect with compression": (baseUrl: string) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", compressMinBytes: 0 }),
  "gRPC-Web": (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC-Web with JSON": (baseUrl: string) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
};

describe.each(Object.entries(protocols))("%s", (_, open) => {
  let headers: Record<string, string>;
  let transport: ReturnType<typeof open>;

  beforeEach(() => {
    headers = { token: server.accountToken };
    transport = open(server.url);
  });

  it("answers the methods", async () => {
    const websockets = createClient(WebsocketService, transport);
    const request = { instance: "desk-1", enabled: true, events: ["call.update"], mediaBase64: true };
    expect(await websockets.setWebsocket(request, { headers })).toMatchObject({
      success: true,
      message: "WebSocket configured successfully",
      websocket: { enabled: true, events: ["call.update"], mediaBase64: true },
    });
    const bearer = { headers: { authorization: "Bearer ti_desk-one" } };
    expect(await websockets.getWebsocket({ instance: "desk-1" }, bearer)).toMatchObject({
      websocket: { enabled: true, events: ["call.update"], mediaBase64: true },
    });
    const { instances } = await createClient(InstanceService, transport).listInstances({}, { headers });
    expect(instances.map(({ name }) => name)).toEqual(["desk-1"]);
    expect(await createClient(HealthService, transport).checkHealth({})).toMatchObject({ status: "ok" });
  });

  it("refuses with the contract's words", async () => {
    const websockets = createClient(WebsocketService, transport);
    const refused = (instance: string, token: string, enabled?: boolean) =>
      websockets.setWebsocket({ instance, ...(enabled !== undefined && { enabled }) }, { headers: { token } });
    await expect(refused("desk-9", "nobody")).rejects.toThrow("[unauthenticated] Invalid token");
    await expect(refused("desk-9", server.accountToken)).rejects.toThrow("[not_found] Instance not found");
    await expect(refused("desk-9", "ti_desk-one")).rejects.toThrow(
      "[permission_denied] Instance token does not match requested instance",
    );
    await expect(refused("desk-1", "ti_desk-one")).rejects.toThrow("[invalid_argument] Invalid request body");
  });

  it("publishes an event whose bytes stand in the frame, as large as it may be", async () => {
    await server.call("POST", "/api/events/websocket/desk-1", { enabled: true });
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws/desk-1?token=ti_desk-one`);
    await once(socket, "open");
    const data = `{ "n": 1.0000000000000000001, "text": "${"x".repeat(3 * 1024 * 1024)}" }`;
    const frame = once(socket, "message");
    await createClient(EventService, transport).publishEvent(
      { instance: "desk-1", event: "label.update", payload: { case: "dataJson", value: Buffer.from(data) } },
      { headers },
    );
    const text = String((await frame)[0]);
    expect(text.startsWith(`{"event":"label.update","data":${data},"instanceData":`)).toBe(true);
    socket.terminate();
  });
});

describe("by hand", () => {
  const set = "POST /eventwire.v1.WebsocketService/SetWebsocket";
  const envelope = (message: string) => `{"success":false,"error":{"message":"${message}"}}`;

  it("a Connect error names its code and the text of the contract", async () => {
    const response = await sendRaw(server.port, jsonRequest(set, '{"instance":"desk-1"}', "token: ti_desk-one"));
    expect(response?.status).toBe(400);
    expect(JSON.parse(response?.body ?? "")).toMatchObject({
      code: "invalid_argument",
      message: "Invalid request body",
    });
  });

  it.each([
    [
      "another method",
      "GET /eventwire.v1.WebsocketService/SetWebsocket",
      "application/json",
      405,
      "Method not allowed",
    ],
    ["another content type", set, "text/plain", 415, "Invalid request body"],
    ["gRPC, which needs HTTP/2", set, "application/grpc", 415, "Invalid request body"],
    ["an unknown method", "POST /eventwire.v1.WebsocketService/Nothing", "application/json", 404, "Not found"],
  ])("%s is refused in the envelope", async (_, line, type, status, text) => {
    const response = await sendRaw(server.port, jsonRequest(line, "{}", `Content-Type: ${type}`));
    expect(response).toMatchObject({ status, body: envelope(text) });
  });

  it.each([
    ["broken JSON", "{", 400],
    ["a field of a wrong type", '{"instance":"desk-1","enabled":"yes"}', 400],
    ["an unknown event", '{"instance":"desk-1","enabled":true,"events":["x"]}', 400],
    ["more than 64 KiB", `{"instance":"desk-1","enabled":true,"x":"${"x".repeat(64 * 1024)}"}`, 400],
  ])("a body is refused: %s", async (_, body, status) => {
    const response = await sendRaw(server.port, jsonRequest(set, body, `token: ${server.accountToken}`));
    expect(response?.status).toBe(status);
    expect(JSON.parse(response?.body ?? "")).toMatchObject({ message: "Invalid request body" });
  });

  it("a refusal leaves the rest of the body unread and the connection in order", async () => {
    const connection = await openRaw(server.port);
    const length = 20_000_000;
    await connection.send(requestHead(set, "Content-Type: application/json", `Content-Length: ${length}`, "token: x"));
    expect(await connection.response()).toMatchObject({ status: 401 });
    await connection.send(Buffer.alloc(length, "x"));
    await connection.send(requestHead("GET /health"));
    expect(await connection.response()).toMatchObject({ status: 200 });
    connection.destroy();
  });

  it("a compressed body is decompressed", async () => {
    const body = gzipSync('{"instance":"desk-1","enabled":true}');
    const request = jsonRequest(set, body, "Content-Encoding: gzip", "token: ti_desk-one");
    expect(await sendRaw(server.port, request)).toMatchObject({ status: 200 });
  });

  it("of two tokens the first counts, as over REST", async () => {
    const body = '{"instance":"desk-1","enabled":true}';
    const request = jsonRequest(set, body, "token: ti_desk-one", "token: nobody");
    expect(await sendRaw(server.port, request)).toMatchObject({ status: 200 });
  });

  it("a header beyond ASCII is no reason to fail", async () => {
    const body = '{"instance":"desk-1","enabled":true}';
    const request = jsonRequest(set, body, "X-Note: \u20ac \u00e9", "token: ti_desk-one");
    expect(await sendRaw(server.port, request)).toMatchObject({ status: 200 });
  });

  it("a host of nonsense is no reason to fail", async () => {
    const request = jsonRequest("POST /eventwire.v1.HealthService/CheckHealth", "{}", "Host: ][ %zz");
    expect(await sendRaw(server.port, request)).toMatchObject({ status: 200 });
  });

  it("the stream of batches needs HTTP/2", async () => {
    const line = "POST /eventwire.v1.EventService/PublishEvents";
    const type = "Content-Type: application/connect+json";
    const response = await sendRaw(server.port, jsonRequest(line, "", type, `token: ${server.accountToken}`));
    expect(response?.status).toBe(505);
  });
});
