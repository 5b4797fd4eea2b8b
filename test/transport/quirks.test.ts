/** What uWebSockets does that we work around, on the library alone: a test that fails here says that a part of ours can go. */

import {
  App,
  type HttpResponse,
  type TemplatedApp,
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
  type WebSocket,
} from "uWebSockets.js";
import { once } from "node:events";
import { connect } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { WebSocket as Client } from "ws";
import { keepBlocked } from "../../src/transport/uws/quirks.js";
import { until } from "../support/until.js";

type Socket = WebSocket<unknown>;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function openSocket(
  onClose: () => void = () => {},
): Promise<{ app: TemplatedApp; socket: Socket; client: Client }> {
  const app = App();
  const opened = new Promise<Socket>((resolve) => {
    app.ws("/*", { maxBackpressure: 0, sendPingsAutomatically: false, open: resolve, close: onClose });
  });
  const listening = await new Promise<us_listen_socket>((resolve) =>
    app.listen("127.0.0.1", 0, (socket) => resolve(socket as never)),
  );
  cleanups.push(() => us_listen_socket_close(listening));
  const client = new Client(`ws://127.0.0.1:${us_socket_local_port(listening)}/`, { perMessageDeflate: false });
  cleanups.push(() => client.terminate());
  await once(client, "open");
  return { app, socket: await opened, client };
}

it("answers 1 to every send within a cork, and 0 buffered bytes, also when the kernel takes nothing more", async () => {
  const { socket, client } = await openSocket();
  client.pause();
  const frame = Buffer.alloc(4_000, "x");
  let within: unknown;
  while (socket.getBufferedAmount() === 0) {
    socket.cork(() => {
      const answers = [1, 2, 3].map(() => socket.send(frame, false));
      within = { answers, buffered: socket.getBufferedAmount() };
    });
  }
  expect(within).toEqual({ answers: [1, 1, 1], buffered: 0 });
});

it.each([
  ["end", (socket: Socket) => socket.end(4000, "over")],
  ["close", (socket: Socket) => socket.close()],
] as const)("calls the close handler within %s", async (_, end) => {
  let closed = false;
  const { socket } = await openSocket(() => {
    closed = true;
  });
  end(socket);
  expect(closed).toBe(true);
});

it("answers nothing to a publish, though the kernel takes nothing more; the socket holds it when the turn has ended", async () => {
  const { app, socket, client } = await openSocket();
  client.pause();
  socket.subscribe("topic");
  const frame = Buffer.alloc(10_000, "x");
  let answer: unknown;
  while (socket.getBufferedAmount() === 0) {
    answer = app.publish("topic", frame);
    await turn();
  }
  expect(answer).toBe(true);
});

it("cuts a response some 12 s after the kernel took no more, unless it is kept", { timeout: 60_000 }, async () => {
  const app = App();
  const cut = new Set<HttpResponse>();
  const responses: HttpResponse[] = [];
  let onResponses = (): void => {};
  app.get("/*", (res) => {
    res.onAborted(() => void cut.add(res));
    res.onWritable(() => true);
    if (responses.push(res) === 2) onResponses();
  });
  const both = new Promise<void>((resolve) => (onResponses = resolve));
  const listening = await new Promise<us_listen_socket>((resolve) =>
    app.listen("127.0.0.1", 0, (socket) => resolve(socket as never)),
  );
  cleanups.push(() => us_listen_socket_close(listening));
  for (const _ of [1, 2]) {
    const client = connect(us_socket_local_port(listening), "127.0.0.1").pause();
    cleanups.push(() => client.destroy());
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  await both;
  const [left, kept] = responses as [HttpResponse, HttpResponse];
  const piece = Buffer.alloc(100_000, "x");
  for (const response of [left, kept]) {
    let taken = true;
    while (taken) response.cork(() => (taken = response.write(piece)));
  }
  const timer = setInterval(() => keepBlocked(kept), 4_000);
  cleanups.push(() => clearInterval(timer));
  await until(() => cut.has(left));
  expect(cut.has(kept)).toBe(false);
});

it("writes a header into the body of a response that is ended with closeConnection after a piece", async () => {
  const app = App();
  app.get("/*", (res) => {
    res.onAborted(() => {});
    res.cork(() => void res.write("piece"));
    setImmediate(() => res.cork(() => res.end(undefined, true)));
  });
  const listening = await new Promise<us_listen_socket>((resolve) =>
    app.listen("127.0.0.1", 0, (socket) => resolve(socket as never)),
  );
  cleanups.push(() => us_listen_socket_close(listening));
  const client = connect(us_socket_local_port(listening), "127.0.0.1");
  cleanups.push(() => client.destroy());
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  let text = "";
  client.on("data", (bytes) => (text += bytes));
  await once(client, "close");
  expect(text).toContain("5\r\npieceConnection: close");
});
