/** Peers that keep a socket, or memory in it, without being alive, on a whole server. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openRaw, type RawConnection, requestHead } from "../support/raw-http.js";
import { connectOverHttp1, grpcOverHttp2, type RawProtocol } from "../support/raw-subscriber.js";
import { scrape } from "../support/scrape.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer({ IDLE_TIMEOUT_SECONDS: "8", HTTP1_STREAM_SECONDS: "2" });
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
});
afterAll(() => server.close());

async function open(): Promise<RawConnection> {
  const connection = await openRaw(server.port);
  onTestFinished(() => connection.destroy());
  const headers = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
  await connection.send(
    requestHead("GET /ws/desk-1", "token: ti_desk-one", ...headers, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
  );
  expect(await connection.response()).toMatchObject({ status: 101 });
  return connection;
}

/** A reader of Subscribe with a network of its own between itself and the port. */
async function openBehind(port: number, protocol: RawProtocol) {
  const wire = await startDatabaseProxy(`http://127.0.0.1:${port}`);
  onTestFinished(() => wire.close());
  const reader = await protocol.open(Number(new URL(wire.url).port), "ti_desk-one", "desk-1");
  return { wire, reader };
}

const lines = () =>
  server.log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "socket closed by the service");

it("cuts a peer that sends a byte of an unfinished message again and again, and answers no ping", async () => {
  const connection = await open();
  const begun = Buffer.concat([Buffer.from([0x82, 0xfe, 0xff, 0x00, 0, 0, 0, 0]), Buffer.alloc(60_000)]);
  await connection.send(begun);
  let gone = false;
  const ended = connection.ended().then(() => {
    gone = true;
  });
  while (!gone) {
    connection.socket.write("x");
    await Promise.race([ended, delay(500)]);
  }
  expect(lines().at(-1)).toMatchObject({ code: 1006, reason: "no sign of life", instance: "desk-1", outcome: "cut" });
});

it("cuts a peer that announces more than 64 KiB, before it has sent them", async () => {
  const connection = await open();
  await connection.send(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0]));
  await connection.ended();
});

it("cuts a peer that sends pings without end and reads no pong", async () => {
  const { socket } = await open();
  socket.pause();
  const closed = new Promise((resolve) => socket.on("close", resolve));
  const ping = Buffer.concat([Buffer.from([0x89, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125, "p")]);
  const pings = Buffer.concat(Array<Buffer>(500).fill(ping));
  let sent = 0;
  for (; !socket.destroyed && sent < 1e9; sent += pings.length) {
    if (!socket.write(pings)) await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
  }
  expect(lines().at(-1)).toMatchObject({ code: 1006, reason: "pongs are not read", outcome: "cut" });
  expect(sent).toBeLessThan(100e6);
});

it("ends a stream over HTTP/1.1 at its age, though the network takes its bytes for a client that is gone", async () => {
  const ports = [server.port, server.server.servicePort];
  const openAll = () => Promise.all(ports.map((port) => openBehind(port, connectOverHttp1)));
  const [gone, alive] = [await openAll(), await openAll()];
  const overHttp2 = await grpcOverHttp2.open(server.server.servicePort, "ti_desk-one", "desk-1");
  for (const { wire } of gone) wire.silence();
  const sockets = () => scrape(server.server.grpcUrl, "eventwire_sockets");
  expect(await sockets()).toEqual([5]);
  for (const { reader } of alive) {
    await reader.ended;
    expect(reader.closing).toMatchObject({ code: 1001, reason: "shutting down", reconnect: true });
    expect(reader.status).toBe("unavailable");
  }
  // What is left is the stream over HTTP/2, whose client answers pings.
  await expect.poll(sockets).toEqual([1]);
  expect(overHttp2.closing).toBeUndefined();
});
