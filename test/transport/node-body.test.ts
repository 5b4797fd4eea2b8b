/** The body of a request, read from real servers of Node.js over HTTP/1.1 and HTTP/2. */

import { once } from "node:events";
import { createServer as createHttp1, type IncomingMessage, request as request1 } from "node:http";
import { connect, createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Writable } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { NodeBody } from "../../src/transport/node/body.js";
import { until } from "../support/until.js";

interface Exchange {
  readonly body: NodeBody;
  /** What the client writes. */
  readonly client: Writable;
  /** Ends the answer, which the client then has. */
  answer(): Promise<void>;
  /** How much of the body has left the client's hands. */
  sent(): number;
  cut(): void;
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function overHttp1(): Promise<Exchange> {
  const server = createHttp1();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close().closeAllConnections());
  const client = request1({ port: (server.address() as AddressInfo).port, method: "POST" });
  client.on("error", () => {});
  client.flushHeaders();
  const [request, response] = await once(server, "request");
  request.on("error", () => {});
  return {
    body: new NodeBody(request as IncomingMessage),
    client,
    async answer() {
      const answered = once(client, "response");
      response.end();
      await answered;
    },
    sent: () => client.socket?.bytesWritten ?? 0,
    cut: () => client.destroy(),
  };
}

async function overHttp2(): Promise<Exchange> {
  const server = createHttp2();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on("error", () => {});
  closers.push(() => {
    session.destroy();
    server.close();
  });
  const client = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
  client.on("error", () => {});
  const [request, response] = (await once(server, "request")) as [Http2ServerRequest, Http2ServerResponse];
  request.on("error", () => {});
  return {
    body: new NodeBody(request.stream),
    client,
    async answer() {
      const answered = once(client, "response");
      response.end();
      await answered;
    },
    sent: () => session.socket.bytesWritten ?? 0,
    cut: () => client.destroy(new Error("gone")),
  };
}

async function whole(body: NodeBody): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

for (const [name, open] of [
  ["HTTP/1.1", overHttp1],
  ["HTTP/2", overHttp2],
] as const) {
  describe(`over ${name}`, () => {
    it("gives all bytes in order, and then ends", async () => {
      const { body, client } = await open();
      const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
      client.end(sent);
      expect((await whole(body)).equals(sent)).toBe(true);
      expect((await body.next()).done).toBe(true);
    });

    it("gives what came before the first read", async () => {
      const { body, client, sent } = await open();
      const before = sent();
      client.end("early");
      await until(() => sent() > before);
      expect((await whole(body)).toString()).toBe("early");
    });

    it("ends at once when there is nothing", async () => {
      const { body, client } = await open();
      client.end();
      expect((await body.next()).done).toBe(true);
    });

    it("fails when the client goes, also for a read that waits", async () => {
      const { body, client, cut } = await open();
      client.write("half");
      expect(Buffer.from((await body.next()).value).toString()).toBe("half");
      const waiting = body.next();
      cut();
      await expect(waiting).rejects.toThrow();
      await expect(body.next()).rejects.toThrow();
    });

    it("makes the client wait when nobody reads, and goes on when somebody does", async () => {
      const { body, client } = await open();
      const piece = Buffer.alloc(256 * 1024);
      client.write("x");
      await body.next();
      // More than all buffers between the two hold.
      for (let i = 0; i < 256; i++) client.write(piece);
      client.end();
      await until(() => client.writableLength > 0 && (client as { pending?: boolean }).pending !== true);
      let quiet = 0;
      for (let last = -1; quiet < 20; quiet = client.writableLength === last ? quiet + 1 : 0) {
        last = client.writableLength;
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(client.writableLength).toBeGreaterThan(16 * 1024 * 1024);
      expect((await whole(body)).length).toBe(256 * piece.length);
    });

    it("throws away what still comes when nobody wants more, and the answer arrives", async () => {
      const { body, client, answer } = await open();
      client.write("x");
      await body.next();
      await body.return();
      const ended = new Promise<void>((resolve) => client.end(Buffer.alloc(8 * 1024 * 1024), resolve));
      await ended;
      await answer();
      expect((await body.next()).done).toBe(true);
    });
  });
}
