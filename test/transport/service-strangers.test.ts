/** Clients of the service port without a valid token: what they may hold, and for how long; and that others may more. */

import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { openH2 } from "../support/h2-client.js";
import { callHead, flag, frame, frameType, numbers, openFrames } from "../support/h2-frames.js";
import { requestHead } from "../support/raw-http.js";
import { type ServiceNode, type ServiceNodeOptions, startServiceNode } from "../support/service-node.js";

const check = "/grpc.health.v1.Health/Check";
const publishEvents = `/${EventService.typeName}/PublishEvents`;
const cancel = 8;
const refusedStream = 7;

let node: ServiceNode;
afterEach(() => node.close());

async function start(serviceLimits: ServiceNodeOptions["serviceLimits"]): Promise<number> {
  node = await startServiceNode({ serviceLimits: serviceLimits ?? {} });
  return node.port.port;
}

/** Resolves when the server has closed it. */
async function cut(socket: Socket): Promise<void> {
  socket.resume().on("error", () => {});
  if (!socket.closed) await once(socket, "close");
}

async function answers(port: number, head: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(head);
  const [chunk] = await once(socket, "data");
  socket.destroy();
  return String(chunk).slice(0, 15);
}

describe("a request without a token that never ends", () => {
  it("is reset over HTTP/2, and the connection may go on", async () => {
    const client = await openFrames(await start({ anonymousRequestMs: 200 }));
    client.send(frame(frameType.headers, flag.endHeaders, 1, callHead(check)));
    client.send(frame(frameType.data, flag.none, 1, Buffer.alloc(3)));
    const reset = await client.next(frameType.resetStream);
    expect([reset?.stream, reset?.payload.readUInt32BE(0)]).toEqual([1, cancel]);
    await client.settled();
    client.socket.destroy();
  });

  it("is cut over HTTP/1.1", async () => {
    const port = await start({ anonymousRequestMs: 200 });
    const socket = connect(port, "127.0.0.1");
    socket.write(requestHead(`POST ${check}`, "Content-Type: application/json", "Content-Length: 100"));
    socket.write("{");
    await cut(socket);
  });

  it("is ended where it is a stream of requests that falls silent", async () => {
    const client = await openFrames(await start({ anonymousIdleMs: 200 }));
    const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    client.send(frame(frameType.headers, flag.endHeaders, 1, callHead(path)));
    expect((await client.next(frameType.resetStream))?.payload.readUInt32BE(0)).toBe(cancel);
    client.socket.destroy();
  });
});

describe("a stream of events of an authenticated publisher", () => {
  it("stays open while it is idle, longer than anybody else may wait", async () => {
    const limits = { anonymousRequestMs: 50, anonymousIdleMs: 50, requestMs: 1_000, answerMs: 50, headersMs: 1_000 };
    const client = await openH2(await start({ ...limits, pingIntervalMs: 150 }));
    const stream = client.post(publishEvents, { "content-type": "application/grpc", token: node.token });
    expect((await stream.headers())[":status"]).toBe(200);
    let pings = 0;
    await new Promise<void>((resolve) => {
      client.session.on("ping", () => {
        if (++pings === 10) resolve();
      });
    });
    stream.end(Buffer.alloc(5));
    expect((await stream.done()).trailers["grpc-status"]).toBe("0");
    client.close();
  });
});

describe("a client that takes nothing of its answer", () => {
  it("loses it", async () => {
    // SETTINGS_INITIAL_WINDOW_SIZE 0.
    const window = Buffer.concat([Buffer.from([0, 4]), numbers(0)]);
    const client = await openFrames(await start({ answerMs: 200 }), Buffer.alloc(0), window);
    const head = callHead("/metrics", { ":method": "GET" });
    client.send(frame(frameType.headers, flag.endHeaders | flag.endStream, 1, head));
    expect((await client.next(frameType.headers))?.stream).toBe(1);
    expect((await client.next(frameType.resetStream))?.stream).toBe(1);
    client.socket.destroy();
  });
});

describe("a connection of HTTP/2 without a call", () => {
  it("is closed, unless it has shown a valid token", async () => {
    const port = await start({ anonymousIdleMs: 100, pingIntervalMs: 100 });
    const known = await openH2(port);
    const call = known.post(publishEvents, { "content-type": "application/grpc", token: node.token });
    call.end();
    await call.done();
    const idle = connectHttp2(`http://127.0.0.1:${port}`) as ClientHttp2Session;
    await once(idle, "close");
    const again = known.post(publishEvents, { "content-type": "application/grpc", token: node.token });
    again.end();
    expect((await again.done()).trailers["grpc-status"]).toBe("0");
    known.close();
  });
});

describe("connections without a valid token", () => {
  it("are bounded: the oldest goes, and whoever has shown one stays", async () => {
    const port = await start({ anonymousConnectionsPerAddress: 3 });
    const known = await openH2(port);
    const stream = known.post(publishEvents, { "content-type": "application/grpc", token: node.token });
    await stream.headers();
    const strangers: Socket[] = [];
    for (let n = 0; n < 5; n++) {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect");
      strangers.push(socket);
    }
    await Promise.all(strangers.slice(0, 2).map(cut));
    expect(strangers.slice(2).map(({ closed }) => closed)).toEqual([false, false, false]);
    expect(await answers(port, requestHead("GET /metrics"))).toBe("HTTP/1.1 200 OK");
    stream.end(Buffer.alloc(5));
    expect((await stream.done()).trailers["grpc-status"]).toBe("0");
    expect(node.log.filter(({ reason }) => reason === "a newer connection without a token")).not.toEqual([]);
    for (const socket of strangers) socket.destroy();
    known.close();
  });
});

describe("open calls without a valid token", () => {
  it("are bounded: above it each connection may have one", async () => {
    const port = await start({ anonymousCalls: 4 });
    const head = callHead(check);
    const greedy = await openFrames(port);
    for (const stream of [1, 3, 5, 7, 9]) greedy.send(frame(frameType.headers, flag.endHeaders, stream, head));
    const reset = await greedy.next(frameType.resetStream);
    expect([reset?.stream, reset?.payload.readUInt32BE(0)]).toEqual([9, refusedStream]);
    const modest = await openFrames(port);
    modest.send(frame(frameType.headers, flag.endHeaders, 1, head));
    modest.send(frame(frameType.data, flag.endStream, 1, Buffer.alloc(5)));
    expect((await modest.next(frameType.headers))?.stream).toBe(1);
    greedy.socket.destroy();
    modest.socket.destroy();
  });
});

describe("a client that sends requests without waiting for answers", () => {
  it("over HTTP/1.1 is cut when they are too many", async () => {
    const port = await start({});
    const socket = connect(port, "127.0.0.1");
    socket.write(requestHead("GET /metrics").repeat(200));
    await cut(socket);
    const patient = connect(port, "127.0.0.1");
    patient.write(requestHead("GET /metrics").repeat(10));
    let text = "";
    for await (const chunk of patient) {
      text += chunk;
      if (text.split("HTTP/1.1 200 OK").length === 11) break;
    }
  });
});
