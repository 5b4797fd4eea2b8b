/** What ends a Subscribe stream on a whole server, and what a stream is told before. */

import { Code, type ConnectError } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, it, onTestFinished } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { type Subscriber, subscribe } from "../support/subscriber.js";

async function start(env: Record<string, string> = {}): Promise<PublicServer> {
  const server = await startPublicServer(env);
  onTestFinished(() => server.close());
  await server.createInstance("desk", "ti_desk-one", { enabled: true });
  return server;
}

const transports = ({ server, url }: PublicServer) => [
  createGrpcTransport({ baseUrl: server.grpcUrl }),
  createConnectTransport({ baseUrl: server.grpcUrl, httpVersion: "1.1" }),
  createConnectTransport({ baseUrl: url, httpVersion: "1.1" }),
];

async function openAll(server: PublicServer, token: string): Promise<Subscriber[]> {
  const streams = transports(server).map((transport) => subscribe(transport, token, { instance: "desk" }));
  for (const { next } of streams) expect((await next()).case).toBe("hello");
  return streams;
}

const told = (error: ConnectError | undefined) => [
  Code[error?.code ?? 0],
  error?.rawMessage,
  error?.findDetails(ErrorInfoSchema)[0]?.reason,
];

describe("a stream", () => {
  it("ends with TOKEN_REVOKED when its token is replaced, and a stream with another token stays", async () => {
    const server = await start();
    const [ofInstance, ofAccount] = [await openAll(server, "ti_desk-one"), await openAll(server, server.accountToken)];
    const { text } = await server.call("GET", "/api/instance/list");
    await server.operate((store) => store.rotateInstanceToken(JSON.parse(text).instances[0].id));
    for (const { next, ended } of ofInstance) {
      expect(await next()).toMatchObject({ case: "closing", value: { code: 4001, reconnect: false } });
      expect(told(await ended)).toEqual(["Unauthenticated", "token revoked", "TOKEN_REVOKED"]);
    }
    await server.call("POST", "/api/events/publish/desk", { event: "call.update", data: { n: 1 } });
    for (const { data } of ofAccount) expect(await data(1)).toEqual([{ n: 1 }]);
  });

  it("hears of a changed and of a disabled channel, and stays open", async () => {
    const server = await start();
    const streams = await openAll(server, "ti_desk-one");
    await server.call("POST", "/api/events/websocket/desk", { enabled: true, events: ["call.update"] });
    await server.call("POST", "/api/events/websocket/desk", { enabled: false });
    await server.call("POST", "/api/events/publish/desk", { event: "label.update", data: { n: 1 } });
    await server.call("POST", "/api/events/publish/desk", { event: "call.update", data: { n: 2 } });
    for (const { next, data } of streams) {
      const filter = { events: ["call.update"], mediaBase64: false };
      expect(await next()).toMatchObject({ case: "configChanged", value: { instance: "desk", enabled: true, filter } });
      expect(await next()).toMatchObject({
        case: "configChanged",
        value: { instance: "desk", enabled: false, filter },
      });
      expect(await data(1)).toEqual([{ n: 2 }]);
    }
  });

  it("that nothing is published for hears `position`, and no deadline of short calls ends it", {
    timeout: 90_000,
  }, async () => {
    const server = await start({ IDLE_TIMEOUT_SECONDS: "8" });
    const streams = await openAll(server, "ti_desk-one");
    // Longer than a response may be blocked on the public port, and than an answer may be stalled on the service port.
    for (let beat = 0; beat < 9; beat++) for (const { next } of streams) expect((await next()).case).toBe("position");
    await server.call("POST", "/api/events/publish/desk", { event: "call.update", data: { n: 1 } });
    for (const { data } of streams) expect(await data(1)).toEqual([{ n: 1 }]);
  });

  it("ends with SHUTTING_DOWN, spread over the drain, while events go on; and no new one is opened meanwhile", async () => {
    const server = await start({ DRAIN_SECONDS: "3" });
    const streams: Subscriber[] = [];
    for (let i = 0; i < 10; i++) streams.push(...(await openAll(server, "ti_desk-one")));
    const ends = streams.map(async ({ next, ended }) => {
      let frame = await next();
      while (frame.case === "event") frame = await next();
      expect(frame).toMatchObject({ case: "closing", value: { code: 1001, reason: "shutting down", reconnect: true } });
      expect(told(await ended)).toEqual(["Unavailable", "shutting down", "SHUTTING_DOWN"]);
      return performance.now();
    });
    const started = performance.now();
    const closed = server.server.close();
    const late = transports(server).map((transport) => subscribe(transport, "ti_desk-one", { instance: "desk" }).ended);
    for (const refused of late)
      expect(told(await refused)).toEqual(["Unavailable", "Shutting down. Try again later.", "SHUTTING_DOWN"]);
    const times = (await Promise.all(ends)).map((time) => time - started);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(1_000);
    await closed;
  });
});
