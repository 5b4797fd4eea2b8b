/** `GET /ws/:instance`: who gets a socket, and what everybody else is told. */

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openRaw, type RawResponse, requestHead, sendRaw } from "../support/raw-http.js";

let server: PublicServer;
let token: string;

beforeAll(async () => {
  server = await startPublicServer({ ALLOWED_ORIGINS: "https://app.example.net" });
  token = `token: ${server.accountToken}`;
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
  await server.createInstance("disabled", "ti_disabled", { enabled: false });
  await server.createInstance("never configured", "ti_never-configured");
});

afterAll(() => server.close());

const missing = "Missing token in header, Authorization header, or query parameter";
const mismatch = "Instance token does not match requested instance";
const notEnabled = (name: string) =>
  `WebSocket is not enabled for this instance. Configure it first using POST /api/events/websocket/${name}`;

const handshake = {
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

function upgradeHead(path: string, ...lines: string[]): string {
  return requestHead(`GET ${path}`, ...Object.entries(handshake).map((pair) => pair.join(": ")), ...lines);
}

function message(response: RawResponse | undefined): string {
  return (JSON.parse(response?.body ?? "{}") as { error: { message: string } }).error.message;
}

/** Each refusal beats all that stand below it. */
const refusals: [name: string, path: string, lines: () => string[], status: number, text: string][] = [
  ["no token", "/ws/desk-9", () => [], 401, missing],
  ["empty tokens", "/ws/desk-9?token=", () => ["token:", "Authorization: Bearer "], 401, missing],
  ["an unknown token", "/ws/desk-9", () => ["token: nobody"], 401, "Invalid token"],
  ["a token of nonsense", "/ws/desk-9?token=%zz", () => [], 401, "Invalid token"],
  ["an unknown instance", "/ws/desk-9", () => [token, "Origin: https://evil.example.net"], 404, "Instance not found"],
  ["a name of nonsense", "/ws/%zz", () => [token], 404, "Instance not found"],
  ["a name with a NUL", "/ws/desk-1%00", () => [token], 404, "Instance not found"],
  ["another instance", "/ws/desk-1", () => ["token: ti_disabled"], 403, mismatch],
  ["another instance that does not exist", "/ws/desk-9", () => ["token: ti_disabled"], 403, mismatch],
  ["another instance of nonsense", "/ws/%zz", () => ["token: ti_disabled"], 403, mismatch],
  [
    "a disabled channel",
    "/ws/disabled",
    () => [token, "Origin: https://evil.example.net"],
    400,
    notEnabled("disabled"),
  ],
  [
    "a channel never configured, by its real name",
    "/ws/never%20configured",
    () => ["token: ti_never-configured"],
    400,
    notEnabled("never configured"),
  ],
  ["a foreign origin", "/ws/desk-1", () => [token, "Origin: https://evil.example.net"], 403, "Origin not allowed"],
  ["an origin of nonsense", "/ws/desk-1", () => [token, "Origin: null"], 403, "Origin not allowed"],
];

describe("an upgrade is refused in the envelope", () => {
  it.each(refusals)("for %s", async (_, path, lines, status, text) => {
    const response = await sendRaw(server.port, upgradeHead(path, ...lines()));
    expect(response).toMatchObject({ status, body: `{"success":false,"error":{"message":"${text}"}}` });
  });
});

describe("a plain GET", () => {
  it.each(refusals)("reads the refusal of the upgrade: %s", async (_, path, lines, status, text) => {
    const response = await sendRaw(server.port, requestHead(`GET ${path}`, ...lines()));
    expect(response).toMatchObject({ status, body: `{"success":false,"error":{"message":"${text}"}}` });
  });

  it("is told to upgrade when all is well", async () => {
    const response = await sendRaw(server.port, requestHead("GET /ws/desk-1?token=ti_desk-one"));
    expect(response).toMatchObject({ status: 426, body: '{"success":false,"error":{"message":"Upgrade required"}}' });
    expect(response?.headers.get("upgrade")).toEqual(["websocket"]);
    expect(response?.headers.get("sec-websocket-version")).toEqual(["13"]);
  });
});

describe("a handshake", () => {
  it("is answered as RFC 6455 says, without compression or sub-protocol", async () => {
    const offers = ["Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: chat, superchat"];
    const response = await sendRaw(server.port, upgradeHead("/ws/desk-1", token, ...offers));
    expect(response?.status).toBe(101);
    expect(response?.headers.get("sec-websocket-accept")).toEqual(["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
    expect(response?.headers.has("sec-websocket-extensions")).toBe(false);
    expect(response?.headers.has("sec-websocket-protocol")).toBe(false);
  });

  it.each([
    ["other cases", { Upgrade: "WebSocket", Connection: "upgrade" }],
    ["further tokens", { Connection: "keep-alive, Upgrade" }],
    ["further protocols", { Upgrade: "h2c, websocket" }],
  ])("may have %s", async (_, headers) => {
    const lines = Object.entries({ ...handshake, ...headers }).map((pair) => pair.join(": "));
    expect(await sendRaw(server.port, requestHead("GET /ws/desk-1", ...lines, token))).toMatchObject({ status: 101 });
  });

  it.each([
    ["Upgrade missing", { Upgrade: undefined }],
    ["Upgrade to something else", { Upgrade: "h2c" }],
    ["Upgrade empty", { Upgrade: "" }],
    ["Connection missing", { Connection: undefined }],
    ["Connection kept alive", { Connection: "keep-alive" }],
    ["the version missing", { "Sec-WebSocket-Version": undefined }],
    ["an old version", { "Sec-WebSocket-Version": "8" }],
    ["a version of nonsense", { "Sec-WebSocket-Version": "13a" }],
    ["two versions", { "Sec-WebSocket-Version": "13, 8" }],
    ["the key missing", { "Sec-WebSocket-Key": undefined }],
    ["an empty key", { "Sec-WebSocket-Key": "" }],
    ["a key of 15 bytes", { "Sec-WebSocket-Key": Buffer.alloc(15).toString("base64") }],
    ["a key of 17 bytes", { "Sec-WebSocket-Key": Buffer.alloc(17).toString("base64") }],
    ["a key of 18 bytes", { "Sec-WebSocket-Key": Buffer.alloc(18).toString("base64") }],
    ["a key that is no base64", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j!!==" }],
    ["a key without padding", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQAA" }],
    ["a key whose last digit says more than 16 bytes", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZR==" }],
    ["two keys", { "Sec-WebSocket-Key": `${handshake["Sec-WebSocket-Key"]}\r\nSec-WebSocket-Key: x` }],
  ])("with %s is a plain GET", async (_, headers) => {
    const lines = Object.entries({ ...handshake, ...headers }).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${value}`],
    );
    expect(await sendRaw(server.port, requestHead("GET /ws/desk-1", ...lines, token))).toMatchObject({ status: 426 });
    expect(await sendRaw(server.port, requestHead("GET /ws/desk-1", ...lines))).toMatchObject({ status: 401 });
  });
});

describe("the token of an upgrade", () => {
  it.each([
    ["in its header", "/ws/desk-1", ["token: ti_desk-one"], 101],
    ["as a bearer", "/ws/desk-1", ["Authorization: Bearer ti_desk-one"], 101],
    ["in the query", "/ws/desk-1?token=ti_desk-one", [], 101],
    ["in the query, percent-encoded", "/ws/desk-1?a=%zz&token=ti%5Fdesk%2done&&=", [], 101],
    ["in the query, behind an empty one", "/ws/desk-1?token=&token=ti_desk-one", [], 101],
    ["in a header before the query", "/ws/desk-1?token=nobody", ["token: ti_desk-one"], 101],
    ["as a bearer before the query", "/ws/desk-1?token=nobody", ["Authorization: Bearer ti_desk-one"], 101],
    ["in the query behind an empty header", "/ws/desk-1?token=ti_desk-one", ["token:"], 101],
    ["wrong in the header", "/ws/desk-1?token=ti_desk-one", ["token: nobody"], 401],
    ["in the query under another name", "/ws/desk-1?Token=ti_desk-one", [], 401],
  ])("%s", async (_, path, lines, status) => {
    expect((await sendRaw(server.port, upgradeHead(path, ...lines)))?.status).toBe(status);
  });
});

describe("the origin of an upgrade", () => {
  it.each([
    ["absent", [], 101],
    ["allowed", ["Origin: https://app.example.net"], 101],
    ["the public URL's", ["Origin: https://wa.example.net"], 101],
    ["the host's that was asked", ["Host: gateway:8080", "Origin: http://gateway:8080"], 101],
    ["the host's that was asked, behind TLS", ["Host: Gateway", "Origin: https://gateway"], 101],
    ["another port of the host", ["Host: gateway:8080", "Origin: http://gateway:8081"], 403],
    ["a name that ends like an allowed one", ["Origin: https://x-app.example.net"], 403],
    ["an allowed name without TLS", ["Origin: http://app.example.net"], 403],
  ])("%s", async (_, lines, status) => {
    expect((await sendRaw(server.port, upgradeHead("/ws/desk-1", token, ...lines)))?.status).toBe(status);
  });
});

describe("an open socket", () => {
  async function open(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws/desk-1?token=ti_desk-one`);
    await once(socket, "open");
    return socket;
  }

  async function closed(socket: WebSocket): Promise<[code: number, reason: string]> {
    const [code, reason] = await once(socket, "close");
    return [code, String(reason)];
  }

  it("gets the frames of its instance", async () => {
    const socket = await open();
    const frame = once(socket, "message");
    await server.call("POST", "/api/events/publish/desk-1", { event: "label.update", data: { labelId: "7" } });
    expect(String((await frame)[0])).toBe(
      '{"event":"label.update","data":{"labelId":"7"},"instanceData":{"baseUrl":"https://wa.example.net","instance":"desk-1","token":"ti_desk-one"}}',
    );
    socket.terminate();
  });

  it("answers pings, and throws away what it is sent up to 4 KiB", async () => {
    const socket = await open();
    for (const data of ["x", "", "x".repeat(4096), Buffer.alloc(4096)]) socket.send(data);
    socket.ping("still there");
    const [echo] = await once(socket, "pong");
    expect(String(echo)).toBe("still there");
    socket.close(1000);
    expect(await closed(socket)).toEqual([1000, ""]);
  });

  it.each([4097, 64 * 1024])("is closed with 1009 for a message of %d bytes", async (bytes) => {
    const socket = await open();
    socket.send("x".repeat(bytes));
    expect(await closed(socket)).toEqual([1009, "message too big"]);
  });

  it("is closed with 1009 for a message over 4 KiB in small fragments", async () => {
    const socket = await open();
    for (let i = 0; i < 5; i++) socket.send("x".repeat(1000), { fin: i === 4 });
    expect(await closed(socket)).toEqual([1009, "message too big"]);
  });

  it("is cut for a message of more than 64 KiB", async () => {
    const socket = await open();
    socket.on("error", () => {});
    socket.send("x".repeat(64 * 1024 + 1));
    expect((await closed(socket))[0]).toBe(1006);
  });

  it.each([
    ["a reserved bit", Buffer.from([0xf1, 0x81, 0, 0, 0, 0, 0x78])],
    ["an unknown opcode", Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
    ["text that is not UTF-8", Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff])],
    ["a ping that is too long", Buffer.from([0x89, 0xfe, 0x00, 0x80, 0, 0, 0, 0, ...Buffer.alloc(128)])],
    [
      "a length beyond every limit",
      Buffer.from([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
    ],
  ])("ends for %s, and the others stay", async (_, bytes) => {
    const bystander = await open();
    const connection = await openRaw(server.port);
    await connection.send(upgradeHead("/ws/desk-1", token));
    expect(await connection.response()).toMatchObject({ status: 101 });
    await connection.send(bytes);
    await connection.ended();
    const frame = once(bystander, "message");
    await server.call("POST", "/api/events/publish/desk-1", { event: "label.update", data: {} });
    await frame;
    bystander.terminate();
  });

  it("stays when its channel is disabled, while further ones are refused", async () => {
    const socket = await open();
    await server.call("POST", "/api/events/websocket/desk-1", { enabled: false });
    const refused = await sendRaw(server.port, upgradeHead("/ws/desk-1", token));
    expect(refused?.status).toBe(400);
    expect(message(refused)).toBe(notEnabled("desk-1"));
    const frame = once(socket, "message");
    await server.call("POST", "/api/events/publish/desk-1", { event: "label.update", data: {} });
    await frame;
    await server.call("POST", "/api/events/websocket/desk-1", { enabled: true });
    socket.terminate();
  });
});
