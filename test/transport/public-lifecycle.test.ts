/** The public port from its start to its end: taken ports, TLS, a database that goes away, calls in flight at the close. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { startPublicServer } from "../support/public-server.js";
import { jsonRequest, openRaw, requestHead, sendRaw, upgradeHead } from "../support/raw-http.js";
import { temporaryDirectory } from "../support/temporary.js";

describe("the start", () => {
  it("says which port is taken", async () => {
    const first = await startPublicServer();
    await expect(startPublicServer({ PORT: String(first.port) })).rejects.toThrow(
      `PORT ${first.port} cannot be listened on at 127.0.0.1: it is taken, or this host has no such address.`,
    );
    await first.close();
  });

  it("says that the address is not this host's", async () => {
    await expect(startPublicServer({ HOST: "203.0.113.1" })).rejects.toThrow(/^PORT 0 cannot be listened on at 203/);
  });
});

describe("TLS", () => {
  it("carries REST, RPC and sockets", async () => {
    const directory = temporaryDirectory();
    const key = join(directory, "key.pem");
    const cert = join(directory, "cert.pem");
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key];
    execFileSync("openssl", ["req", "-x509", ...newKey, "-out", cert, ...subject], { stdio: "ignore" });
    const ca = readFileSync(cert);
    const server = await startPublicServer({ TLS_CERT: cert, TLS_KEY: key, PUBLIC_URL: "https://127.0.0.1" });

    const call = (method: string, path: string, body: string) =>
      new Promise<string>((resolve, reject) => {
        const headers = { token: server.accountToken, "content-type": "application/json" };
        const request = httpsRequest(`${server.url}${path}`, { method, headers, ca }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk) => {
            text += chunk;
          });
          response.on("end", () => resolve(text));
        });
        request.on("error", reject).end(body);
      });

    expect(server.url).toMatch(/^https:/);
    expect(await call("POST", "/api/instance/new", '{"name":"desk-1","websocketEnabled":true}')).toContain("created");
    expect(await call("POST", "/eventwire.v1.WebsocketService/GetWebsocket", '{"instance":"desk-1"}')).toContain(
      '"enabled":true',
    );
    const socket = new WebSocket(`${server.url.replace("https", "wss")}/ws/desk-1?token=${server.accountToken}`, {
      ca,
    });
    await once(socket, "open");
    const frames = [once(socket, "message")];
    const text = "x".repeat(200 * 1024);
    await call("POST", "/api/events/publish/desk-1", JSON.stringify({ event: "label.update", data: { text } }));
    expect(String((await frames[0])?.[0])).toContain(text);
    socket.terminate();
    await server.close();
  });
});

describe("a database that goes away", () => {
  it("is told in the contract's words, and comes back without a restart", async () => {
    const reached: { proxy?: Awaited<ReturnType<typeof startDatabaseProxy>> } = {};
    const server = await startPublicServer({}, async (url) => {
      reached.proxy = await startDatabaseProxy(url);
      return reached.proxy.url;
    });
    await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
    const token = `token: ${server.accountToken}`;

    await reached.proxy?.cut();
    const failed = '{"success":false,"error":{"message":"Failed to get instance"}}';
    expect(await server.call("GET", "/api/events/getWebsocket/desk-1")).toEqual({ status: 500, text: failed });
    expect(await server.call("POST", "/api/events/websocket/desk-1", { enabled: true })).toEqual({
      status: 500,
      text: failed,
    });
    expect(await server.call("DELETE", "/api/instance/delete/desk-1")).toEqual({ status: 500, text: failed });
    expect(await server.call("GET", "/api/instance/list")).toEqual({
      status: 500,
      text: '{"success":false,"error":{"message":"Failed to list instances"}}',
    });
    expect(await server.call("POST", "/api/instance/new", { name: "desk-2" })).toEqual({
      status: 500,
      text: '{"success":false,"error":{"message":"Failed to create instance"}}',
    });
    const health = await server.call("GET", "/health");
    expect(health.status).toBe(503);
    expect(health.text).toMatch(/^\{"status":"degraded",.*"checks":\{"db":"unreachable"\},"reason":"[^"]+"\}$/);
    // What is known in memory goes on: tokens, sockets, events.
    expect(await sendRaw(server.port, requestHead("GET /ws/desk-1", token))).toMatchObject({ status: 426 });
    const event = { event: "label.update", data: {} };
    expect(await server.call("POST", "/api/events/publish/desk-1", event)).toMatchObject({ status: 200 });

    await reached.proxy?.heal();
    expect(await server.call("POST", "/api/events/websocket/desk-1", { enabled: true })).toMatchObject({ status: 200 });
    await server.close();
    await reached.proxy?.close();
  });
});

describe("the end", () => {
  it("lets calls in flight finish, and takes no further ones", async () => {
    const server = await startPublicServer();
    await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
    const token = "token: ti_desk-one";
    const request = jsonRequest("POST /api/events/websocket/desk-1", '{"enabled":true}', token);
    const inFlight = await openRaw(server.port);
    await inFlight.send(request.subarray(0, -3));
    const idle = await openRaw(server.port);
    await idle.send(requestHead("GET /health"));
    await idle.response();
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws/desk-1?token=ti_desk-one`);
    await once(socket, "open");

    const closed = once(socket, "close");
    const closing = server.server.close();
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([1001, "shutting down"]);
    await expect(openRaw(server.port)).rejects.toThrow("ECONNREFUSED");
    // On a connection that was open already.
    await idle.send(upgradeHead("/ws/desk-1", token));
    expect(await idle.response()).toMatchObject({
      status: 503,
      body: '{"success":false,"error":{"message":"Shutting down. Try again later."}}',
    });
    expect(await idle.ended()).toBe("");
    await inFlight.send(request.subarray(-3));
    expect(await inFlight.response()).toMatchObject({ status: 200 });
    expect(await inFlight.ended()).toBe("");
    await closing;
    await server.close();
  });

  it("cuts what does not finish in time", async () => {
    const server = await startPublicServer({ DRAIN_SECONDS: "0" });
    const stuck = await openRaw(server.port);
    await stuck.send(jsonRequest("POST /api/instance/new", "{}", `token: ${server.accountToken}`).subarray(0, -1));
    await server.call("GET", "/health");
    await server.server.close();
    expect(await stuck.ended()).toBe("");
    await server.close();
  });
});
