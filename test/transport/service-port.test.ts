/** The service port as a listener: what it answers besides calls, and what clients can do to it. */

import { once } from "node:events";
import { createServer } from "node:http2";
import { type AddressInfo, connect, createServer as createTcp, type Socket } from "node:net";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HealthService } from "../../gen/eventwire/v1/health_service_pb.js";
import { BodyBudget } from "../../src/transport/body-budget.js";
import { startServicePort } from "../../src/transport/node/port.js";
import { openH2 } from "../support/h2-client.js";
import { openRaw, requestHead, sendRaw } from "../support/raw-http.js";
import { type Face, faceNames, openFace } from "../support/rpc-faces.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** A SETTINGS frame without settings. */
const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

let node: ServiceNode;
let port: number;
beforeAll(async () => {
  node = await startServiceNode();
  port = node.port.port;
});
afterAll(() => node.close());

async function isServing(): Promise<boolean> {
  const face = openFace("gRPC of grpc-js", node.url);
  const { outcome } = await face.call(HealthService.method.checkHealth, {});
  face.close();
  return "answer" in outcome;
}

/** Resolves when the server has closed the connection. */
async function cut(socket: Socket): Promise<void> {
  socket.resume().on("error", () => {});
  if (!socket.closed) await once(socket, "close");
}

async function dial(to = port): Promise<Socket> {
  const socket = connect(to, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

describe("besides calls it answers", () => {
  it("the metrics", async () => {
    const response = await fetch(`${node.url}/metrics`);
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
      "up 1\n",
    ]);
    const posted = await fetch(`${node.url}/metrics?x`, { method: "POST", body: "x" });
    expect([posted.status, await posted.json()]).toEqual([
      405,
      { success: false, error: { message: "Method not allowed" } },
    ]);
  });

  it.each(["/", "/metrics/", "/api/instance/list", "/eventwire.v1.EventService/Unknown", "//", "/%00"])(
    "404 in the envelope for %s, on both versions of HTTP",
    async (path) => {
      const one = await sendRaw(port, requestHead(`GET ${path}`));
      expect(one?.status).toBe(404);
      expect(JSON.parse(one?.body ?? "")).toEqual({ success: false, error: { message: "Not found" } });
      const client = await openH2(port);
      const stream = client.request({ ":method": "GET", ":path": path });
      stream.end();
      const two = await stream.done();
      expect(two.headers[":status"]).toBe(404);
      expect(two.body.toString()).toBe(one?.body);
      client.close();
    },
  );

  it("UNIMPLEMENTED for methods that gRPC clients make up", async () => {
    const client = await openH2(port);
    const stream = client.post("/eventwire.v1.EventService/Unknown", { "content-type": "application/grpc" });
    stream.end();
    expect(await stream.done()).toMatchObject({
      headers: { ":status": 200 },
      trailers: { "grpc-status": "12", "grpc-message": "Not found" },
    });
    client.close();
  });

  it("calls without a Host, and from a Host that is none", async () => {
    const call = (...lines: string[]) =>
      sendRaw(
        port,
        `POST /eventwire.v1.HealthService/CheckHealth HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n{}`,
      );
    expect((await call())?.status).toBe(200);
    expect((await call("Host: a b//:99999"))?.status).toBe(200);
  });
});

describe("a taken port", () => {
  it.each([
    ["HTTP/2", createServer()],
    ["anything else", createTcp()],
  ])("of %s is told with the name of the setting", async (_, other) => {
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const taken = (other.address() as AddressInfo).port;
    const start = startServicePort({
      knows: () => false,
      reflection: false,
      onConnectionEnded: () => {},
      handlers: [],
      bodies: new BodyBudget(0),
      host: "127.0.0.1",
      port: taken,
      trouble: async () => undefined,
      metrics: async () => ({ contentType: "text/plain", text: "" }),
      draining: new AbortController().signal,
      shutdown: new AbortController(),
      logger: pino({ level: "silent" }),
    });
    await expect(start).rejects.toThrow(`GRPC_PORT: cannot listen on 127.0.0.1:${taken}: the port is already in use`);
    other.close();
  });
});

describe("a connection", () => {
  it.each([
    ["an unknown preface", "PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n"],
    ["garbage behind the preface", `${preface}${"garbage".repeat(100)}`],
    ["a TLS handshake", Buffer.from("16030100c8010000c40303", "hex")],
    ["binary garbage", Buffer.alloc(4096, 0xfe)],
    ["no HTTP", "EHLO gateway\r\n\r\n"],
    ["a header that is too large", `GET /metrics HTTP/1.1\r\nHost: x\r\nX-Large: ${"x".repeat(20_000)}\r\n\r\n`],
    ["two different lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"],
    ["CONNECT", "CONNECT example.net:443 HTTP/1.1\r\nHost: x\r\n\r\n"],
  ])("with %s is cut, and nobody else notices", async (_, bytes) => {
    const socket = await dial();
    socket.write(bytes);
    await cut(socket);
    expect(await isServing()).toBe(true);
  });

  it("may come byte by byte", async () => {
    const connection = await openRaw(port);
    for (const byte of requestHead("GET /metrics")) await connection.send(byte);
    expect((await connection.response())?.status).toBe(200);
    connection.destroy();
  });

  it("that resets thousands of streams is survived", async () => {
    const client = await openH2(port);
    for (let round = 0; round < 40 && !client.session.destroyed; round++) {
      for (let n = 0; n < 100; n++) {
        const stream = client.post("/eventwire.v1.EventService/PublishEvents", {
          "content-type": "application/grpc",
          token: node.token,
        });
        stream.write(Buffer.from([0, 0, 0]));
        stream.reset(8);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.destroy();
    expect(await isServing()).toBe(true);
    expect(node.log.filter((line) => (line.level as number) >= 40)).toEqual([]);
  });

  it("that goes at any stage of a call is survived", async () => {
    const body = JSON.stringify({ instance: "desk", event: "call.update", data: { text: "x".repeat(200) } });
    const request = `POST /eventwire.v1.EventService/PublishEvent HTTP/1.1\r\nHost: x\r\ntoken: ${node.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    for (let length = 1; length < request.length; length += 23) {
      const connection = await openRaw(port);
      await connection.send(request.slice(0, length));
      connection.socket.resetAndDestroy();
    }
    expect(await isServing()).toBe(true);
    expect(node.log.filter((line) => (line.level as number) >= 40)).toEqual([]);
  });

  it("is used again after a refusal whose body was not read", async () => {
    const connection = await openRaw(port);
    for (let call = 0; call < 3; call++) {
      const body = "x".repeat(300_000);
      const head = requestHead(
        "POST /eventwire.v1.EventService/PublishEvent",
        "Content-Type: application/json",
        `Content-Length: ${body.length}`,
      );
      await connection.send(head);
      expect((await connection.response())?.status).toBe(401);
      await connection.send(body);
    }
    connection.destroy();
  });
});

describe("a connection to an impatient node", () => {
  let impatient: ServiceNode;
  beforeAll(async () => {
    impatient = await startServiceNode({ serviceLimits: { headersMs: 300, pingIntervalMs: 300 } });
  });
  afterAll(() => impatient.close());

  it.each([
    ["that says nothing", ""],
    ["that stops in the request line", "POST /eventwire"],
    ["that stops in the headers", "GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "],
    ["that stops in the preface", "PRI * HT"],
  ])("%s is cut", async (_, bytes) => {
    const socket = await dial(impatient.port.port);
    socket.write(bytes);
    await cut(socket);
  });

  it("of HTTP/2 whose peer does not answer pings is cut", async () => {
    const socket = await dial(impatient.port.port);
    socket.write(preface);
    socket.write(settings);
    await cut(socket);
  });

  it("of HTTP/2 that stays idle is kept", async () => {
    const client = await openH2(impatient.port.port);
    let pings = 0;
    await new Promise<void>((resolve) => {
      client.session.on("ping", () => {
        if (++pings === 4) resolve();
      });
    });
    const stream = client.request({ ":method": "GET", ":path": "/metrics" });
    stream.end();
    expect((await stream.done()).headers[":status"]).toBe(200);
    client.close();
  });
});

describe("many calls at once", () => {
  it("are all answered, on every face", async () => {
    const faces: Face[] = faceNames.map((name) => openFace(name, node.url));
    const calls = faces.flatMap((face) =>
      Array.from({ length: 25 }, () => face.call(HealthService.method.checkHealth, {})),
    );
    for (const { outcome } of await Promise.all(calls)) expect(outcome).toMatchObject({ answer: { status: "ok" } });
    for (const face of faces) face.close();
  });
});
