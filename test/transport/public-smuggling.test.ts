/** Requests that hide another one: whatever two parsers could read in two ways ends the connection before it is read on. */

import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { jsonRequest, openRaw, requestHead } from "../support/raw-http.js";

const set = "POST /api/events/websocket/desk-1";
const body = '{"enabled":true}';
const type = "Content-Type: application/json";
const length = `Content-Length: ${body.length}`;
const chunked = `10\r\n${body}\r\n0\r\n\r\n`;
const attempts = 40;

let server: PublicServer;
let token: string;
let socket: WebSocket;
const frames: string[] = [];

beforeAll(async () => {
  server = await startPublicServer();
  token = `token: ${server.accountToken}`;
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
  socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws/desk-1?token=ti_desk-one`);
  socket.on("message", (data) => frames.push(String(data)));
  await once(socket, "open");
});

afterAll(async () => {
  socket.terminate();
  await server.close();
});

/** What shall have no effect: an event, and an instance. */
function hidden(name: string): Buffer {
  return Buffer.concat([
    jsonRequest("POST /api/events/publish/desk-1", `{"event":"label.update","data":{"hidden":"${name}"}}`, token),
    jsonRequest("POST /api/instance/new", JSON.stringify({ name }), token),
  ]);
}

/** Each request, as a proxy that reads it in another way would pass it on. */
const requests: [name: string, request: () => string][] = [
  ["two lengths", () => requestHead(set, token, type, length, "Content-Length: 3") + body],
  ["two lengths, the first one shorter", () => requestHead(set, token, type, "Content-Length: 0", length)],
  ["the same length twice", () => requestHead(set, token, type, length, length) + body],
  ["an empty length", () => requestHead(set, token, type, "Content-Length:")],
  ["two hosts", () => requestHead(set, "Host: a", "Host: b", token, type, length) + body],
  ["two hosts on a read", () => requestHead("GET /health", "Host: a", "Host: b")],
  ["two hosts on an unknown path", () => requestHead("GET /nowhere", "Host: a", "Host: b")],
  ["two hosts on a wrong method", () => requestHead("PUT /health", "Host: a", "Host: b")],
  ["two hosts on a preflight", () => requestHead("OPTIONS /health", "Host: a", "Host: b")],
  ["two hosts on a plain GET of the sockets", () => requestHead("GET /ws/desk-1", "Host: a", "Host: b", token)],
  ["two lengths without a token", () => requestHead(set, type, length, "Content-Length: 3") + body],
  ["a coding with a letter before it", () => requestHead(set, token, type, "Transfer-Encoding: xchunked") + chunked],
  ["a coding with a letter before it, unread", () => requestHead(set, token, type, "Transfer-Encoding: xchunked")],
  ["another coding", () => requestHead(set, token, type, "Transfer-Encoding: gzip") + chunked],
  ["two codings in one", () => requestHead(set, token, type, "Transfer-Encoding: identity, chunked") + chunked],
  [
    "two codings in two",
    () => requestHead(set, token, type, "Transfer-Encoding: chunked", "Transfer-Encoding: identity") + chunked,
  ],
  [
    "two lengths on an RPC",
    () =>
      requestHead("POST /eventwire.v1.HealthService/CheckHealth", type, "Content-Length: 2", "Content-Length: 2") +
      "{}",
  ],
  ["a length beside a coding", () => requestHead(set, token, type, length, "Transfer-Encoding: chunked") + chunked],
  ["a length with a sign", () => requestHead(set, token, type, `Content-Length: +${body.length}`) + body],
  ["a list of lengths", () => requestHead(set, token, type, "Content-Length: 16, 16") + body],
  [
    "a chunk size with a sign",
    () => `${requestHead(set, token, type, "Transfer-Encoding: chunked")}+10\r\n${body}\r\n0\r\n\r\n`,
  ],
];

/** What the parser takes for the beginning of a head: it waits for the rest, as long as the client is there. */
const unfinished: typeof requests = [
  ["a space before the colon", () => requestHead(set, token, type, `Content-Length : ${body.length}`)],
  ["a folded header", () => requestHead(set, token, type, "X-Folded: a\r\n Content-Length: 16")],
];

/** The clients leave when they are cut, or at once. */
async function smuggle(name: string, request: () => string, leave: boolean): Promise<void> {
  const before = await instances();
  const connections = await Promise.all(Array.from({ length: attempts }, () => openRaw(server.port)));
  await Promise.all(
    connections.map(async (connection, index) => {
      await connection.send(Buffer.concat([Buffer.from(request(), "latin1"), hidden(`${name} ${index}`)]));
      if (leave) connection.socket.end();
      await connection.ended();
    }),
  );
  expect(await instances()).toBe(before);
  // Frames keep their order: whatever was published before this has come before it.
  const data = { marker: name };
  const published = await server.call("POST", "/api/events/publish/desk-1", { event: "label.update", data });
  expect(published.status).toBe(200);
  while (!frames.some((frame) => frame.includes(JSON.stringify(data)))) await once(socket, "message");
  expect(frames.filter((frame) => frame.includes("hidden"))).toEqual([]);
}

async function instances(): Promise<string> {
  return (await server.call("GET", "/api/instance/list")).text;
}

describe(`a request in the segment of a refused one has no effect in ${attempts} of ${attempts}`, () => {
  it.each(requests)("after %s", (name, request) => smuggle(name, request, false));
  it.each(unfinished)("after %s", (name, request) => smuggle(name, request, true));

  it("but has one after a refused request that every parser reads the same way", async () => {
    const connection = await openRaw(server.port);
    await connection.send(Buffer.concat([Buffer.from(requestHead("GET /nowhere")), hidden("honest")]));
    const answers = [await connection.response(), await connection.response(), await connection.response()];
    expect(answers.map((answer) => answer?.status)).toEqual([404, 200, 201]);
    connection.destroy();
  });
});
