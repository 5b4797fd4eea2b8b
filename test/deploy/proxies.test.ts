/** Debian's HAProxy and Caddy with the configurations of `deploy/`, in front of a real node. */

import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { json } from "../support/call-row.js";
import { dataOf, openConsumer } from "../support/consumer.js";
import { startCountingNodes } from "../support/counting-nodes.js";
import { openH2 } from "../support/h2-client.js";
import { type ProxyName, type RunningProxy, startProxy } from "../support/proxies.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openRaw } from "../support/raw-http.js";
import { lacks } from "../support/requirements.js";
import { openFace } from "../support/rpc-faces.js";
import { subscribe } from "../support/subscriber.js";
import { openV1 } from "../support/v1-consumer.js";

const proxies: readonly { name: ProxyName; skipped: boolean }[] = [
  { name: "haproxy", skipped: await lacks("haproxy") },
  { name: "caddy", skipped: await lacks("caddy") },
];

for (const { name, skipped } of proxies)
  describe.skipIf(skipped)(`behind ${name}`, () => {
    let node: PublicServer;
    let proxy: RunningProxy;
    beforeAll(async () => {
      node = await startPublicServer();
      // Both addresses of the file are those of one node.
      proxy = await startProxy(name, [node.server, node.server]);
      await node.createInstance("desk", "token-of-desk", { enabled: true });
    });
    afterAll(async () => {
      await proxy?.close();
      await node.close();
    });

    const publish = (data: object) =>
      fetch(`${proxy.url}/api/events/publish/desk`, {
        method: "POST",
        headers: { token: node.accountToken, "content-type": "application/json" },
        body: JSON.stringify({ event: "call.update", data }),
      });

    const connect = () => openConsumer(proxy.url, "/ws/desk?token=token-of-desk");

    it("REST calls, their errors and their rate headers pass", async () => {
      const listed = await fetch(`${proxy.url}/api/instance/list`, { headers: { token: node.accountToken } });
      expect(await listed.json()).toMatchObject({ success: true, instances: [{ name: "desk" }] });
      const stranger = await fetch(`${proxy.url}/api/instance/list`, { headers: { token: "nobody's" } });
      expect(stranger.status).toBe(401);
      expect(await stranger.json()).toEqual({ success: false, error: { message: "Invalid token" } });
    });

    it("a request in HTTP/1.0 is answered, though the node speaks HTTP/1.1 alone", async () => {
      const connection = await openRaw(proxy.publicPort);
      await connection.send("GET /health HTTP/1.0\r\nHost: x\r\n\r\n");
      expect((await connection.response())?.status).toBe(200);
      connection.destroy();
    });

    it("a socket gets what is published, in its order, and the close code", async () => {
      const consumer = await connect();
      for (let n = 0; n < 20; n++) expect((await publish({ n })).status).toBe(200);
      for (let n = 0; n < 20; n++) expect(dataOf(await consumer.next())).toEqual({ n });
      await node.createInstance("leaving", "token-of-leaving", { enabled: true });
      const leaving = await openConsumer(proxy.url, "/ws/leaving?token=token-of-leaving");
      expect((await node.call("DELETE", "/api/instance/delete/leaving")).status).toBe(200);
      expect(await leaving.closed).toEqual([4004, "instance deleted"]);
      consumer.socket.close();
      await consumer.closed;
    });

    it("a consumer of eventwire.v1 gets its sub-protocol and its frames, speaks, and reads why it is refused", async () => {
      const consumer = await openV1(proxy.url, "/ws/desk?token=token-of-desk");
      expect(consumer.socket.protocol).toBe("eventwire.v1");
      expect((await consumer.frame()).control).toBe("hello");
      consumer.send({ control: "narrow", events: ["call.update"] });
      expect((await consumer.frame()).control).toBe("narrowed");
      expect((await publish({ n: 1 })).status).toBe(200);
      expect((await consumer.frame()).data).toEqual({ n: 1 });
      consumer.socket.close();
      await consumer.closed;
      const refused = await openV1(proxy.url, "/ws/desk?token=nobody");
      expect(await refused.end()).toMatchObject({ last: { status: 401 }, close: [4401, "invalid token"] });
    });

    it("a stream of Subscribe passes frame by frame, on both ports", async () => {
      const streams = [
        createConnectTransport({ baseUrl: proxy.url, httpVersion: "1.1" }),
        createGrpcTransport({ baseUrl: proxy.grpcUrl }),
      ].map((transport) => subscribe(transport, "token-of-desk", { instance: "desk" }));
      for (const { next } of streams) expect((await next()).case).toBe("hello");
      expect((await publish({ n: 1 })).status).toBe(200);
      for (const { data } of streams) expect(await data(1)).toEqual([{ n: 1 }]);
      for (const { cancel } of streams) cancel();
    });

    it("an event of 10 MiB passes whole, in and out", async () => {
      const consumer = await connect();
      const text = "x".repeat(10 * 2 ** 20);
      expect((await publish({ text })).status).toBe(200);
      expect(dataOf(await consumer.next()).text === text).toBe(true);
      consumer.socket.close();
      await consumer.closed;
    });

    it("gRPC calls pass, and nothing but the services is served to producers", async () => {
      const consumer = await connect();
      const face = openFace("gRPC of grpc-js", proxy.grpcUrl);
      for (let n = 0; n < 10; n++) {
        const request = { instance: "desk", event: "call.update", payload: json(`{"n":${n}}`) };
        const { outcome } = await face.call(EventService.method.publishEvent, request, { token: node.accountToken });
        expect(outcome).toMatchObject({ answer: { success: true } });
        expect(dataOf(await consumer.next())).toEqual({ n });
      }
      face.close();
      consumer.socket.close();
      await consumer.closed;
      const client = await openH2(Number(new URL(proxy.grpcUrl).port));
      const stream = client.request({ ":path": "/metrics" });
      stream.end();
      expect((await stream.headers())[":status"]).toBe(404);
      client.destroy();
    });

    it("no token of a query is in its log", () => {
      expect(proxy.log()).not.toContain("token-of-desk");
    });

    it("a publish that a node took and did not answer is not sent to the other one", async () => {
      const { nodes, calls } = await startCountingNodes((res) => res.destroy());
      const lonely = await startProxy(name, nodes);
      onTestFinished(lonely.close);
      const answer = await fetch(`${lonely.url}/api/events/publish/desk`, { method: "POST", body: "{}" });
      expect(answer.status).toBe(502);
      expect(calls).toEqual(["POST"]);
    });
  });
