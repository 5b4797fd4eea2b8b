/** The public port while its node drains: what it refuses, and what it goes on serving. */

import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { openConsumer } from "../support/consumer.js";
import { startPublicServer } from "../support/public-server.js";
import { requestHead, sendRaw, upgradeHead } from "../support/raw-http.js";

it("says that it leaves, refuses upgrades behind all other checks, and serves everything else", async () => {
  const server = await startPublicServer({ DRAIN_SECONDS: "300", RATE_LIMIT_GLOBAL: "1000" });
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
  await server.createInstance("disabled", "ti_disabled", { enabled: false });
  const token = `token: ${server.accountToken}`;
  // At ten a second it takes a minute: the test is over long before.
  const consumers = await Promise.all(
    Array.from({ length: 600 }, () => openConsumer(server.url, "/ws/desk-1?token=ti_desk-one")),
  );
  const closing = server.server.close();

  const health = await server.call("GET", "/health");
  expect(health.status).toBe(503);
  expect(health.text).toMatch(/^\{"status":"degraded",.*"checks":\{"db":"ok","node":"draining"\},"reason":"[^"]+"\}$/);
  const overRpc = await server.call("POST", "/eventwire.v1.HealthService/CheckHealth", {});
  expect(overRpc.status).toBe(200);
  expect(JSON.parse(overRpc.text)).toMatchObject({ status: "degraded", checks: { db: "ok", node: "draining" } });

  for (const head of [upgradeHead("/ws/desk-1", token), requestHead("GET /ws/desk-1", token)]) {
    const refusal = await sendRaw(server.port, head);
    expect(refusal).toMatchObject({
      status: 503,
      body: '{"success":false,"error":{"message":"Shutting down. Try again later."}}',
    });
    expect(refusal?.headers.get("retry-after")).toEqual(["1"]);
    expect(refusal?.headers.get("connection")).toEqual(["close"]);
    expect(refusal?.headers.get("x-ratelimit-limit")).toEqual(["1000"]);
  }
  for (const [status, path, ...lines] of [
    [401, "/ws/desk-1", "token: nobody"],
    [404, "/ws/desk-9", token],
    [403, "/ws/desk-1", "token: ti_disabled"],
    [400, "/ws/disabled", token],
    [403, "/ws/desk-1", token, "Origin: https://evil.example.net"],
  ] as const) {
    const refusal = await sendRaw(server.port, upgradeHead(path, ...lines));
    expect([refusal?.status, refusal?.headers.get("retry-after")]).toEqual([status, undefined]);
  }

  const configured = await server.call("POST", "/api/events/websocket/desk-1", { enabled: true, events: [] });
  expect(configured.status).toBe(200);
  const published = await server.call("POST", "/api/events/publish/desk-1", { event: "label.update", data: {} });
  expect(published.status).toBe(200);
  // Those that are still open get it.
  await Promise.any(consumers.map((consumer) => consumer.next()));

  const open = consumers.filter(({ socket }) => socket.readyState === WebSocket.OPEN);
  expect(open.length).toBeGreaterThan(0);
  for (const { socket } of open) socket.terminate();
  await closing;
  await server.close();
});
