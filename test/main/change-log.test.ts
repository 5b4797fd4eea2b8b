/** What the log says at info of changes that last: what, and by whom; once, whatever number of processes knows it. */

import { expect, it, onTestFinished } from "vitest";
import { createTestDatabase } from "../support/postgres.js";
import { type RunningServer, startProgram, startServerProgram } from "../support/program.js";
import { lacks } from "../support/requirements.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

const accountToken = "ta_test-of-the-log";
const instanceToken = "ti_test-of-the-log";
const workerCounts = (await lacks("nats-server")) ? [1] : [1, 2];

type Line = Record<string, unknown>;

function linesOf({ stderr }: RunningServer, ...messages: string[]): Line[] {
  const lines = stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line);
  return lines.filter(({ msg }) => messages.includes(String(msg)));
}

/** Without what differs from run to run. */
function plain({ time: _time, worker: _worker, ...line }: Line): Line {
  return line;
}

it.each(workerCounts)("names each change of an instance by a call, with WORKERS=%d", async (workers) => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const env = { DATABASE_URL: url, DATA_DIR: temporaryDirectory(), ACCOUNT_TOKEN: accountToken };
  const server = await startServerProgram({ ...env, WORKERS: String(workers) });
  const account = createRestClient(server.url, accountToken);
  const own = createRestClient(server.url, instanceToken);

  const made = await account.call("POST", "/api/instance/new", { name: "desk", token: instanceToken });
  const { id } = made.body.instance as { id: string };
  const websocket = { enabled: true, events: ["call.update"], mediaBase64: true };
  await own.call("POST", "/api/events/websocket/desk", websocket);
  await account.call("POST", "/api/instance/new", { name: "phone", websocketEnabled: true });
  // None of these changes anything.
  await own.call("GET", "/api/events/getWebsocket/desk");
  await account.call("POST", "/api/events/websocket/desk", { events: [] });
  await account.call("POST", "/api/instance/new", { name: "desk" });
  await own.call("DELETE", "/api/instance/delete/phone");
  await account.call("POST", "/api/events/publish/desk", { event: "call.update", data: { secret: "payload" } });
  await account.call("DELETE", "/api/instance/delete/desk");

  const of = { level: "info", instanceId: id, instance: "desk" };
  const byAccount = { by: "account token", byId: expect.any(String) };
  const lines = linesOf(server, "instance created", "channel configured", "instance deleted").map(plain);
  expect(lines).toEqual([
    { ...of, ...byAccount, msg: "instance created" },
    { ...of, websocket, by: "instance token", byId: id, msg: "channel configured" },
    {
      ...{ ...of, instanceId: expect.any(String), instance: "phone", ...byAccount },
      websocket: { enabled: true, events: [], mediaBase64: false },
      msg: "instance created",
    },
    { ...of, ...byAccount, msg: "instance deleted" },
  ]);
  for (const secret of [accountToken, instanceToken, "payload"]) expect(server.stderr).not.toContain(secret);
});

it.each(workerCounts)("names accounts and tokens that the command line changes, with WORKERS=%d", async (workers) => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const env = { DATABASE_URL: url, DATA_DIR: temporaryDirectory() };
  const server = await startServerProgram({ ...env, ACCOUNT_TOKEN: accountToken, WORKERS: String(workers) });
  const command = async (...args: string[]) => {
    const program = startProgram(args, env);
    expect(await program.ended, program.stderr).toBe(0);
    return JSON.parse(program.stdout) as { id: string };
  };
  const messages = [
    "account created",
    "account revoked",
    "token of an account rotated",
    "token of an instance rotated",
    "consumers disconnected",
  ];
  const account = await command("account", "create", "shop", "--json");
  const instance = await command("instance", "create", "desk", "--account", "shop", "--json");
  await command("instance", "rotate", "desk", "--account", "shop", "--json");
  await command("account", "rotate", "shop", "--grace", "1h", "--json");
  await command("instance", "disconnect", "desk", "--account", "shop", "--json");
  await command("account", "disconnect", "shop", "--json");
  await command("account", "revoke", "shop", "--json");
  await server.printed("account revoked");
  await expect.poll(() => linesOf(server, ...messages).length).toBe(6);

  const byCommand = { level: "info", by: expect.stringContaining("command line") };
  expect(linesOf(server, ...messages).map(plain)).toEqual([
    { ...byCommand, accountId: account.id, msg: "account created" },
    { ...byCommand, instanceId: instance.id, msg: "token of an instance rotated" },
    { ...byCommand, accountId: account.id, msg: "token of an account rotated" },
    { ...byCommand, accountId: account.id, instanceId: instance.id, msg: "consumers disconnected" },
    { ...byCommand, accountId: account.id, msg: "consumers disconnected" },
    { ...byCommand, accountId: account.id, msg: "account revoked" },
  ]);
});

it("says nothing of what a start finds", async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const env = { DATABASE_URL: url, DATA_DIR: temporaryDirectory(), ACCOUNT_TOKEN: accountToken };
  const first = await startServerProgram(env);
  await createRestClient(first.url, accountToken).call("POST", "/api/instance/new", { name: "desk" });
  first.kill("SIGTERM");
  await first.ended;
  const second = await startServerProgram(env);
  await createRestClient(second.url, accountToken).call("GET", "/api/instance/list");
  expect(linesOf(second, "account created", "instance created")).toEqual([]);
});
