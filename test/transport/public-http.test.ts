/** HTTP as no decent client speaks it: the server answers or cuts, and is there for the next one. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { jsonRequest, openRaw, type RawResponse, requestHead, sendRaw } from "../support/raw-http.js";

const set = "POST /api/events/websocket/desk-1";
const body = '{"enabled":true}';
const type = "Content-Type: application/json";

let server: PublicServer;
let token: string;

beforeAll(async () => {
  server = await startPublicServer();
  token = `token: ${server.accountToken}`;
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
});

afterAll(() => server.close());

afterEach(async () => {
  expect(await server.call("GET", "/health")).toMatchObject({ status: 200 });
});

function envelope(message: string): string {
  return `{"success":false,"error":{"message":"${message}"}}`;
}

function allow(response: RawResponse | undefined): readonly string[] | undefined {
  return response?.headers.get("allow");
}

describe("headers that two parsers could read in two ways", () => {
  const length = `Content-Length: ${body.length}`;
  const rows: [name: string, head: () => string, payload: string][] = [
    ["two lengths", () => requestHead(set, token, type, length, "Content-Length: 3"), body],
    ["the same length twice", () => requestHead(set, token, type, length, length), body],
    ["an empty length", () => requestHead(set, token, type, "Content-Length:"), ""],
    ["two hosts", () => requestHead(set, "Host: a", "Host: b", token, type, length), body],
    ["the same host twice", () => requestHead(set, "Host: a", "Host: a", token, type, length), body],
    [
      "a coding that is not chunked",
      () => requestHead(set, token, type, "Transfer-Encoding: gzip"),
      `10\r\n${body}\r\n0\r\n\r\n`,
    ],
    [
      "two codings in one",
      () => requestHead(set, token, type, "Transfer-Encoding: gzip, chunked"),
      `10\r\n${body}\r\n0\r\n\r\n`,
    ],
    [
      "two codings in two",
      () => requestHead(set, token, type, "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
      `10\r\n${body}\r\n0\r\n\r\n`,
    ],
  ];

  it.each(rows)("are refused, and their connection ends: %s", async (_, head, payload) => {
    const connection = await openRaw(server.port);
    await connection.send(head() + payload);
    expect(await connection.response()).toMatchObject({ status: 400, body: envelope("Invalid request") });
    await connection.send(requestHead("GET /health"));
    expect(await connection.ended()).toBe("");
  });

  it.each([
    ["on an upgrade", requestHead("GET /ws/desk-1?token=ti_desk-one", "Host: a", "Host: b")],
    [
      "on an RPC",
      requestHead("POST /eventwire.v1.HealthService/CheckHealth", "Host: a", "Host: b", type, "Content-Length: 0"),
    ],
  ])("are refused %s", async (_, head) => {
    expect(await sendRaw(server.port, head)).toMatchObject({ status: 400, body: envelope("Invalid request") });
  });

  it("are refused behind the token", async () => {
    const head = requestHead(set, type, length, "Content-Length: 3");
    expect(await sendRaw(server.port, head + body)).toMatchObject({ status: 401, body: envelope("Invalid token") });
  });
});

describe("what the parser itself refuses", () => {
  it.each([
    [
      "a length beside a coding",
      () => requestHead(set, token, type, "Content-Length: 16", "Transfer-Encoding: chunked") + body,
    ],
    ["a length that is no number", () => requestHead(set, token, type, "Content-Length: x") + body],
    ["a negative length", () => requestHead(set, token, type, "Content-Length: -16") + body],
    ["a list of lengths", () => requestHead(set, token, type, "Content-Length: 16, 16") + body],
    [
      "a length beyond every number",
      () => requestHead(set, token, type, "Content-Length: 99999999999999999999") + body,
    ],
    ["a chunk without a size", () => `${requestHead(set, token, type, "Transfer-Encoding: chunked")}zz\r\n${body}\r\n`],
    ["HTTP/1.0", () => "GET /health HTTP/1.0\r\nHost: a\r\n\r\n"],
    ["HTTP/2", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["lines without carriage returns", () => "GET /health HTTP/1.1\nHost: a\n\n"],
    ["a TLS greeting", () => Buffer.from("16030100f8010000f40303", "hex")],
  ])("ends the connection and nothing else: %s", async (_, bytes) => {
    const connection = await openRaw(server.port);
    await connection.send(bytes());
    connection.socket.end();
    await connection.ended();
  });
});

describe("methods and paths", () => {
  it.each([
    ["GET", "/api/events/websocket/desk-1", "POST, OPTIONS"],
    ["DELETE", "/api/events/websocket/desk-1", "POST, OPTIONS"],
    ["POST", "/api/events/getWebsocket/desk-1", "GET, OPTIONS"],
    ["HEAD", "/api/instance/list", "GET, OPTIONS"],
    ["PATCH", "/api/instance/new", "POST, OPTIONS"],
    ["GET", "/api/instance/delete/desk-1", "DELETE, OPTIONS"],
    ["POST", "/health", "GET, HEAD, OPTIONS"],
    ["POST", "/ws/desk-1", "GET, OPTIONS"],
    ["HEAD", "/ws/desk-1", "GET, OPTIONS"],
    ["BREW", "/ws/desk-1", "GET, OPTIONS"],
    ["get", "/health", "GET, HEAD, OPTIONS"],
  ])("%s %s is not allowed, and says what is", async (method, path, allowed) => {
    const response = await sendRaw(server.port, requestHead(`${method} ${path}`, token));
    expect(response?.status).toBe(405);
    expect(allow(response)).toEqual([allowed]);
    expect(response?.body).toBe(method === "HEAD" ? "" : envelope("Method not allowed"));
  });

  it.each([
    "/",
    "/api",
    "/api/",
    "//health",
    "/health/",
    "/Health",
    "/ws",
    "/ws/",
    "/ws/a/b",
    "/api/events/publish",
    "/..",
    "/%",
  ])("%s is not found", async (path) => {
    const response = await sendRaw(server.port, requestHead(`GET ${path}`, token));
    expect(response).toMatchObject({ status: 404, body: envelope("Not found") });
  });

  it("HEAD /health answers like GET, without the body", async () => {
    const connection = await openRaw(server.port);
    const shown = (response: RawResponse | undefined) => [response?.status, response?.headers.get("content-type")];
    await connection.send(requestHead("HEAD /health"));
    const head = await connection.response();
    await connection.send(requestHead("GET /health"));
    const get = await connection.response();
    expect(head?.body).toBe("");
    expect(get?.body).toContain('"status":"ok"');
    expect(shown(head)).toEqual(shown(get));
    connection.destroy();
  });

  it("HEAD leaves its connection in order", async () => {
    const connection = await openRaw(server.port);
    await connection.send(requestHead("HEAD /nowhere"));
    expect(await connection.response()).toMatchObject({ status: 404, body: "" });
    await connection.send(requestHead("GET /health"));
    expect(await connection.response()).toMatchObject({ status: 200 });
    connection.destroy();
  });

  it("every answer is JSON in UTF-8", async () => {
    for (const line of ["GET /nowhere", "PUT /health", "GET /health", "GET /ws/desk-1"]) {
      const response = await sendRaw(server.port, requestHead(line));
      expect(response?.headers.get("content-type")).toEqual(["application/json; charset=utf-8"]);
    }
  });
});

describe("the token", () => {
  const bearer = (value: string) => `Authorization: ${value}`;

  it.each([
    ["in its header", () => ["token: ti_desk-one"], 200],
    ["as a bearer", () => [bearer("Bearer ti_desk-one")], 200],
    ["as a bearer, whatever the case of the scheme", () => [bearer("bEARER  ti_desk-one")], 200],
    ["in its header before a bearer", () => ["token: ti_desk-one", bearer("Bearer nobody")], 200],
    ["in its header before a bearer that comes first", () => [bearer("Bearer nobody"), "token: ti_desk-one"], 200],
    ["an empty header is absent", () => ["token:", bearer("Bearer ti_desk-one")], 200],
    ["of two in headers the first counts", () => ["token: ti_desk-one", "token: nobody"], 200],
    ["a wrong one in the header is not helped by a bearer", () => ["token: nobody", bearer("Bearer ti_desk-one")], 401],
    ["another scheme is no token", () => [bearer("Basic ti_desk-one")], 401],
    ["an empty bearer is no token", () => [bearer("Bearer ")], 401],
    ["two words are no token", () => [bearer("Bearer ti_desk-one x")], 401],
    ["in the query it counts for nothing", () => [], 401],
  ])("%s", async (_, headers, status) => {
    const head = requestHead("GET /api/instance/list?token=ti_desk-one", ...headers());
    expect((await sendRaw(server.port, head))?.status).toBe(status);
  });

  it("stands in no line of the log", async () => {
    await sendRaw(server.port, requestHead("GET /ws/desk-1?token=secret-in-query"));
    await sendRaw(server.port, requestHead("GET /api/instance/list?token=secret-in-query", "token: secret-in-header"));
    await sendRaw(server.port, requestHead("GET /api/instance/list", "Authorization: Bearer secret-in-bearer"));
    const log = server.log.join("");
    expect(log).toContain('"path":"/api/instance/list"');
    expect(log).not.toMatch(/secret-in|ti_desk-one/);
    expect(log).not.toContain(server.accountToken);
  });
});

describe("a client that goes away", () => {
  const whole = () => jsonRequest(set, body, token).toString();

  it.each([
    ["at once", () => ""],
    ["in the request line", () => "POST /api/ev"],
    ["in the headers", () => whole().slice(0, 60)],
    ["behind the headers", () => whole().slice(0, -body.length)],
    ["in the body", () => whole().slice(0, -5)],
    ["behind the body", whole],
    ["in a chunk", () => `${requestHead(set, token, type, "Transfer-Encoding: chunked")}10\r\n{"ena`],
    ["between chunks", () => `${requestHead(set, token, type, "Transfer-Encoding: chunked")}4\r\n{"en\r\n`],
    [
      "in an announced event of 16 MB",
      () => `${requestHead("POST /api/events/publish/desk-1", token, type, "Content-Length: 16000000")}{"event"`,
    ],
    [
      "in an RPC",
      () =>
        `${requestHead("POST /eventwire.v1.WebsocketService/SetWebsocket", token, type, "Content-Length: 90")}{"inst`,
    ],
    [
      "behind an RPC",
      () => `${requestHead("POST /eventwire.v1.HealthService/CheckHealth", type, "Content-Length: 2")}{}`,
    ],
    ["behind a plain request for a socket", () => requestHead("GET /ws/desk-1", token)],
    [
      "behind a handshake",
      () =>
        requestHead(
          "GET /ws/desk-1",
          token,
          "Upgrade: websocket",
          "Connection: Upgrade",
          "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
    ],
  ])("%s harms nobody", async (_, bytes) => {
    for (const end of ["end", "destroy", "resetAndDestroy"] as const) {
      const connection = await openRaw(server.port);
      if (bytes() !== "") await connection.send(bytes());
      connection.socket[end]();
      await connection.ended();
    }
  });

  it("in the body leaves the configuration as it was", async () => {
    // An instance of its own: the clients above are gone, and what one of them sent whole may still be written.
    await server.createInstance("desk-left", "ti_desk-left", { enabled: true, events: ["call.update"] });
    const connection = await openRaw(server.port);
    await connection.send(
      jsonRequest("POST /api/events/websocket/desk-left", '{"enabled":false}', token).subarray(0, -1),
    );
    connection.socket.end();
    expect(await connection.response()).toBeUndefined();
    const { text } = await server.call("GET", "/api/events/getWebsocket/desk-left");
    expect(text).toContain('"enabled":true,"events":["call.update"]');
  });
});
