/** A document on the wire: who gets it, how often it is sent, and what a client that does not read it costs. */

import { createHash } from "node:crypto";
import { once } from "node:events";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BodyBudget } from "../../src/transport/body-budget.js";
import { createCors } from "../../src/transport/cors.js";
import { Traffic } from "../../src/transport/traffic.js";
import { serveDocuments } from "../../src/transport/uws/documents.js";
import { exchanging } from "../../src/transport/uws/exchange.js";
import { createApp, type ListenSocket, listen, type TemplatedApp } from "../../src/transport/uws/uws.js";
import { openRaw, type RawConnection, requestHead } from "../support/raw-http.js";

const MiB = 1024 * 1024;
/** More than two kernels take for a client that does not read. */
const body = Buffer.from(new Uint8Array(24 * MiB).map((_, i) => (i * 7919) % 128));

let app: TemplatedApp;
let socket: ListenSocket;
let draining: AbortController;
let traffic: Traffic;
let url: string;
const connections: RawConnection[] = [];

async function start(deadlineMs?: number): Promise<void> {
  draining = new AbortController();
  traffic = new Traffic();
  const cors = createCors(["https://app.example.net"], "https://wa.example.net");
  const logger = pino({ enabled: false });
  const context = { cors, traffic, bodies: new BodyBudget(MiB), draining: draining.signal, logger };
  const documents = new Map([
    ["/large.txt", { contentType: "text/plain; charset=utf-8", body, etag: '"large"' }],
    ["/small.md", { contentType: "text/markdown; charset=utf-8", body: Buffer.from("# Small\n"), etag: '"small"' }],
  ]);
  app = createApp(undefined);
  for (const [path, serve] of serveDocuments(documents, deadlineMs)) {
    app.get(path, exchanging(context, serve));
    app.head(path, exchanging(context, serve));
  }
  socket = (await listen(app, { host: "127.0.0.1", port: 0, shared: false })) as ListenSocket;
  url = `http://127.0.0.1:${socket.port}`;
}

async function open(): Promise<RawConnection> {
  const connection = await openRaw(socket.port);
  connections.push(connection);
  return connection;
}

/** Asks for the large document and reads no more than its first bytes. */
async function openUnread(): Promise<RawConnection> {
  const connection = await open();
  const first = once(connection.socket, "data");
  await connection.send(requestHead("GET /large.txt"));
  await first;
  connection.socket.pause();
  return connection;
}

beforeEach(() => start());

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.destroy();
  await traffic.idle(5_000);
  socket.close();
  app.close();
});

describe("a document", () => {
  it("arrives whole, however often its kernel takes only a part", async () => {
    const response = await fetch(`${url}/large.txt`);
    expect(response.headers.get("content-length")).toBe(String(body.length));
    const received = Buffer.from(await response.arrayBuffer());
    expect(createHash("sha256").update(received).digest("hex")).toBe(createHash("sha256").update(body).digest("hex"));
  });

  it("arrives whole while the node drains, and ends its connection", async () => {
    draining.abort();
    const connection = await open();
    await connection.send(requestHead("GET /large.txt"));
    const response = await connection.response();
    expect([response?.status, response?.body.length]).toEqual([200, body.length]);
    expect(await connection.ended()).toBe("");
  });

  it.each(['"small"', 'W/"small"', '"other", "small"', "*"])(
    "is not sent again to whoever has it: %s",
    async (tags) => {
      const response = await fetch(`${url}/small.md`, { headers: { "if-none-match": tags } });
      expect([response.status, await response.text()]).toEqual([304, ""]);
      expect(response.headers.get("etag")).toBe('"small"');
      expect(response.headers.get("cache-control")).toBe("public, no-cache");
    },
  );

  it("is sent to whoever has another version", async () => {
    const response = await fetch(`${url}/small.md`, { headers: { "if-none-match": '"older", small' } });
    expect([response.status, await response.text()]).toEqual([200, "# Small\n"]);
  });

  it("is not sent for HEAD", async () => {
    const response = await fetch(`${url}/small.md`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(response.headers.get("content-type")).toBe("text/markdown; charset=utf-8");
    expect(response.headers.get("etag")).toBe('"small"');
  });

  it("may be read by pages of an allowed origin, also when it is not sent again", async () => {
    for (const tag of ['"other"', '"small"']) {
      const headers = { origin: "https://app.example.net", "if-none-match": tag };
      const response = await fetch(`${url}/small.md`, { headers });
      expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example.net");
    }
  });
});

describe("clients that do not read", () => {
  it("make no copies, are 64 at most, and make room when they go", async () => {
    const before = process.memoryUsage().rss;
    const unread = await Promise.all(Array.from({ length: 64 }, openUnread));
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * MiB);

    const refused = await fetch(`${url}/small.md`);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await refused.json()).toEqual({
      success: false,
      error: { message: "Too much is under way on this node. Try again later." },
    });
    expect((await fetch(`${url}/small.md`, { method: "HEAD" })).status).toBe(200);

    unread[0]?.destroy();
    // The server hears of it in its own time.
    while ((await fetch(`${url}/small.md`)).status === 503);
    expect(await (await fetch(`${url}/small.md`)).text()).toBe("# Small\n");
  });

  it("are cut when they ask for more", async () => {
    const connection = await openUnread();
    await connection.send(requestHead("GET /large.txt"));
    connection.socket.resume();
    await connection.ended();
  });

  it("are cut after a minute", async () => {
    socket.close();
    app.close();
    await start(200);
    const connection = await openUnread();
    await traffic.idle(60_000);
    connection.socket.resume();
    await connection.ended();
  });
});
