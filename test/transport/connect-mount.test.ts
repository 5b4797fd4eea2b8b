/** Streams through the public port: neither side makes the other hold what it has not taken. */

import { EventEmitter, once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { setImmediate as turn } from "node:timers/promises";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { HealthService } from "../../gen/eventwire/v1/health_service_pb.js";
import type { Handler } from "../../src/rpc/protocols/handlers.js";
import { BodyBudget } from "../../src/transport/body-budget.js";
import { createCors } from "../../src/transport/cors.js";
import { Traffic } from "../../src/transport/traffic.js";
import { serveRpc } from "../../src/transport/uws/connect-mount.js";
import { type ExchangeContext, exchanging } from "../../src/transport/uws/exchange.js";
import { createApp, listen } from "../../src/transport/uws/uws.js";
import { openRaw, requestHead } from "../support/raw-http.js";

const MiB = 1024 * 1024;
/** What the kernel takes on both ends of a loopback connection, and the chunks that wait, with room to spare. */
const heldMax = 24 * MiB;

/** A port with one handler at `/`. */
async function startPort(handle: Handler["handle"]): Promise<{ port: number; traffic: Traffic }> {
  const app = createApp(undefined);
  const traffic = new Traffic();
  const cors = createCors([], "http://localhost");
  const context: ExchangeContext = {
    cors,
    traffic,
    bodies: new BodyBudget(256 * MiB),
    draining: new AbortController().signal,
    logger: pino({ level: "silent" }),
  };
  const handler: Handler = { path: "/", method: HealthService.method.checkHealth, handle };
  app.any(
    "/*",
    exchanging(context, (exchange, req) => serveRpc(handler, exchange, req)),
  );
  const socket = await listen(app, { host: "127.0.0.1", port: 0, shared: false });
  onTestFinished(() => void app.close());
  return { port: socket?.port ?? 0, traffic };
}

function answer(body: AsyncIterable<Uint8Array>): UniversalServerResponse {
  return { status: 200, header: new Headers({ "content-type": "application/octet-stream" }), body };
}

it("waits with its answer for a client that reads slowly, and loses nothing", async () => {
  const sent = Buffer.concat(Array.from({ length: 64 }, (_, i) => Buffer.alloc(MiB, i)));
  let produced = 0;
  let received = 0;
  let heldMost = 0;
  const { port } = await startPort(async () =>
    answer(
      (async function* () {
        for (; produced < sent.length; heldMost = Math.max(heldMost, produced - received)) {
          produced += MiB;
          yield sent.subarray(produced - MiB, produced);
        }
      })(),
    ),
  );

  const [response] = (await once(get({ port }), "response")) as [IncomingMessage];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    expect(chunk.equals(sent.subarray(received, received + chunk.length))).toBe(true);
    received += chunk.length;
    await turn();
  }
  expect(received).toBe(sent.length);
  expect(heldMost).toBeLessThan(heldMax);
});

it("lets the client wait with its body when the handler does not read", async () => {
  let read = 0;
  let start = (): void => {};
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  const { port } = await startPort(async ({ body }) => {
    await started;
    for await (const chunk of body as AsyncIterable<Uint8Array>) read += chunk.length;
    return answer(
      (async function* () {
        yield Buffer.from(String(read));
      })(),
    );
  });

  const connection = await openRaw(port);
  await connection.send(requestHead("POST /", `Content-Length: ${64 * MiB}`));
  let taken = 0;
  const sending = (async () => {
    for (; taken < 64 * MiB; taken += MiB) await connection.send(Buffer.alloc(MiB));
  })();
  // Each turn would take 512 KiB off the socket if nobody held it back.
  for (let i = 0; i < 400; i++) await turn();
  expect(taken).toBeLessThan(heldMax);
  start();
  await sending;
  expect(await connection.response()).toMatchObject({ status: 200, body: String(64 * MiB) });
  connection.destroy();
});

it("tells the handler that its client went away, before and while it is answered", async () => {
  const told = new EventEmitter();
  const { port, traffic } = await startPort(async ({ signal, url }) => {
    const { pathname } = new URL(url);
    signal.addEventListener("abort", () => told.emit("aborted", pathname));
    told.emit("entered");
    if (pathname === "/before") await once(signal, "abort");
    return answer(
      (async function* () {
        try {
          for (;;) yield Buffer.alloc(MiB);
        } finally {
          told.emit("returned");
        }
      })(),
    );
  });

  for (const path of ["/before", "/while"]) {
    const [entered, aborted, returned] = ["entered", "aborted", "returned"].map((name) => once(told, name));
    const connection = await openRaw(port);
    await connection.send(requestHead(`GET ${path}`));
    await entered;
    if (path === "/while") await connection.response();
    connection.socket.resetAndDestroy();
    expect(await aborted).toEqual([path]);
    await returned;
  }
  await traffic.idle(60_000);
});
