/** What a running program writes to its log, at its most talkative. */

import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { createTestDatabase, query } from "../support/postgres.js";
import { startServerProgram } from "../support/program.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

it("names no token and no key, whatever is called and however it fails", async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const secrets = {
    ACCOUNT_TOKEN: "ta_5ecret-of-the-account",
    ENCRYPTION_KEY: "5ec2e7".padEnd(64, "0"),
    instanceToken: "ti_5ecret-of-the-instance",
  };
  const { ACCOUNT_TOKEN, ENCRYPTION_KEY, instanceToken } = secrets;
  const server = await startServerProgram({
    ...{ ACCOUNT_TOKEN, ENCRYPTION_KEY, LOG_LEVEL: "trace" },
    ...{ DATABASE_URL: url, DATA_DIR: temporaryDirectory() },
  });
  const account = createRestClient(server.url, ACCOUNT_TOKEN);
  const instance = createRestClient(server.url, instanceToken);
  const create = { name: "desk-1", token: instanceToken, websocketEnabled: "no boolean" };
  await account.call("POST", "/api/instance/new", create);
  await account.call("POST", "/api/instance/new", create);
  await instance.call("POST", "/api/events/websocket/desk-1", { enabled: true });
  await instance.call("POST", "/api/events/websocket/desk-2", { enabled: true });
  for (const path of ["/ws/desk-1", "/ws/desk-2", "/nowhere", "/api/instance/list"]) {
    await fetch(`${server.url}${path}?token=${ACCOUNT_TOKEN}`);
    await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${instanceToken}` } });
  }
  await fetch(`${server.grpcUrl}/nowhere?token=${ACCOUNT_TOKEN}`);
  await fetch(`${server.grpcUrl}/eventwire.v1.InstanceService/ListInstances`, {
    method: "POST",
    headers: { token: ACCOUNT_TOKEN, "content-type": "application/json" },
    body: "{",
  });
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws/desk-1?token=${instanceToken}`);
  await once(socket, "open");

  // A database that refuses: the failures of the driver carry statements and values.
  await query(url, "alter table instance rename to instance_elsewhere");
  expect(await account.call("POST", "/api/instance/new", { ...create, name: "desk-3" })).toMatchObject({ status: 500 });
  expect(await instance.call("GET", "/api/events/getWebsocket/desk-1")).toMatchObject({ status: 500 });
  const closed = once(socket, "close");
  server.kill("SIGTERM");
  await closed;
  expect(await server.ended).toBe(0);

  expect(server.stderr).toContain("Failed to create instance");
  for (const secret of Object.values(secrets)) expect(server.stdout + server.stderr).not.toContain(secret);
  expect(server.stderr).not.toContain(Buffer.from(ENCRYPTION_KEY, "hex").toString("base64"));
  for (const line of server.stderr.trim().split("\n")) expect(() => JSON.parse(line), line).not.toThrow();
});
