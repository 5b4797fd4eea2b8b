/** The metrics of a running program, on the service port only. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { createTestDatabase } from "../support/postgres.js";
import { startServerProgram } from "../support/program.js";
import { lacks } from "../support/requirements.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

const accountToken = "ta_test-of-the-program";
const workerCounts = (await lacks("nats-server")) ? ["1"] : ["1", "2"];

it("tells calls, refusals, upgrades and what happened to events", async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const server = await startServerProgram({
    DATABASE_URL: url,
    DATA_DIR: temporaryDirectory(),
    ACCOUNT_TOKEN: accountToken,
    RATE_LIMIT_CREATE: "1",
  });
  const client = createRestClient(server.url, accountToken);
  const socket = await client.openChannel("desk-1");
  await client.call("POST", "/api/events/websocket/desk-1", { enabled: true, events: ["call.update"] });
  const frame = once(socket, "message");
  await client.call("POST", "/api/events/publish/desk-1", { event: "label.update", data: {} });
  await client.call("POST", "/api/events/publish/desk-1", { event: "call.update", data: {} });
  await frame;
  await client.call("POST", "/api/instance/new", { name: "desk-2" });
  await client.call("GET", "/ws/desk-1");
  await client.call("GET", "/ws/desk-9");
  await createRestClient(server.url, "nobody").call("GET", "/ws/desk-1");

  const text = await (await fetch(`${server.grpcUrl}/metrics`)).text();
  expect(text.split("\n")).toEqual(
    expect.arrayContaining([
      'eventwire_calls_total{method="InstanceService/CreateInstance",code="ok"} 1',
      'eventwire_calls_total{method="InstanceService/CreateInstance",code="resource_exhausted"} 1',
      'eventwire_calls_total{method="EventService/PublishEvent",code="ok"} 2',
      'eventwire_call_duration_seconds_count{method="InstanceService/CreateInstance"} 1',
      'eventwire_rate_limited_total{bucket="create"} 1',
      'eventwire_upgrades_total{outcome="accepted"} 1',
      'eventwire_upgrades_total{outcome="UPGRADE_REQUIRED"} 1',
      'eventwire_upgrades_total{outcome="INSTANCE_NOT_FOUND"} 1',
      'eventwire_upgrades_total{outcome="INVALID_TOKEN"} 1',
      "eventwire_sockets 1",
      "eventwire_events_published_total 2",
      "eventwire_events_filtered_total 1",
      "eventwire_frames_built_total 1",
      "eventwire_frames_delivered_total 1",
      "eventwire_directory_ready 1",
    ]),
  );
  expect(text).not.toContain(accountToken);
  expect(await client.call("GET", "/metrics")).toMatchObject({ status: 404 });
  socket.terminate();
});

it.skipIf(await lacks("promtool")).each(workerCounts)("promtool has no complaint (WORKERS=%s)", async (WORKERS) => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const env = { DATABASE_URL: url, DATA_DIR: temporaryDirectory(), ACCOUNT_TOKEN: accountToken, WORKERS };
  const server = await startServerProgram(env);
  const promtool = spawn("promtool", ["check", "metrics"], { stdio: ["pipe", "pipe", "pipe"] });
  let complaints = "";
  promtool.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  promtool.stdin.end(await (await fetch(`${server.grpcUrl}/metrics`)).text());
  const [code] = await once(promtool, "close");
  expect([code, complaints]).toEqual([0, ""]);
});
