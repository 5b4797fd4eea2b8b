/** What breaks around the server while it is in use, and what its clients see of it. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { createTestDatabase, query } from "../support/postgres.js";
import { startServerProgram } from "../support/program.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

async function startBehindProxy(): Promise<{ server: PublicServer; proxy: DatabaseProxy }> {
  let proxy: DatabaseProxy | undefined;
  const server = await startPublicServer({}, async (url) => {
    proxy = await startDatabaseProxy(url);
    return proxy.url;
  });
  if (proxy === undefined) throw new Error("no proxy");
  const { close } = proxy;
  onTestFinished(async () => {
    await server.close();
    await close();
  });
  return { server, proxy };
}

/** Ends when something of this database waits for a lock. */
async function waitsForLock(url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  const waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = $1";
  while ((await query(url, waiting, [name])).rowCount === 0);
}

describe("a database that goes in the middle of a call", () => {
  it.each([
    [
      "set",
      "websocket",
      "POST /api/events/websocket/desk",
      { enabled: false },
      "Failed to update websocket configuration",
    ],
    ["get", "websocket", "GET /api/events/getWebsocket/desk", undefined, "Failed to get websocket configuration"],
    [
      "create",
      "instance",
      "POST /api/instance/new",
      { name: "more", websocketEnabled: true },
      "Failed to create instance",
    ],
    ["delete", "instance", "DELETE /api/instance/delete/desk", undefined, "Failed to delete instance"],
  ])("%s: is told, nothing is half-saved, and it goes on without a restart", async (_, table, call, body, text) => {
    const { server, proxy } = await startBehindProxy();
    const websocket = { enabled: true, events: ["call.update"], mediaBase64: true };
    await server.createInstance("desk", "token-of-desk", websocket);
    const consumer = await openConsumer(server.url, "/ws/desk?token=token-of-desk");
    const before = await server.call("GET", "/api/instance/list");

    const [method = "", path = ""] = call.split(" ");
    const holder = new pg.Client({ connectionString: server.database.url });
    await holder.connect();
    onTestFinished(() => holder.end());
    // Writes wait, and reads where it is one that is to wait.
    const mode = method === "GET" ? "access exclusive" : "share";
    await holder.query(`begin; lock table ${table} in ${mode} mode`);
    const answer = server.call(method, path, body);
    await waitsForLock(server.database.url);
    await proxy.cut();
    expect(await answer).toEqual({ status: 500, text: `{"success":false,"error":{"message":"${text}"}}` });
    // What has waited fails by itself when it gets the lock and finds nobody to answer.
    await query(
      server.database.url,
      "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
    );
    await holder.query("rollback");

    await server.call("POST", "/api/events/publish/desk", { event: "call.update", data: { n: 1 } });
    expect(dataOf(await consumer.next())).toEqual({ n: 1 });
    await proxy.heal();
    await expect.poll(() => server.call("GET", "/health"), { timeout: 15_000 }).toMatchObject({ status: 200 });
    expect(await server.call("GET", "/api/instance/list")).toEqual(before);
    expect(await server.call("POST", "/api/events/websocket/desk", { enabled: true })).toMatchObject({ status: 200 });
  });
});

describe("a database that cuts every connection of the server", () => {
  it("is asked again, and what another process changed meanwhile is in force", async () => {
    const server = await startPublicServer();
    onTestFinished(() => server.close());
    const { account, token } = await server.createAccount("to be revoked");
    const headers = { token, "content-type": "application/json" };
    const body = '{"name":"desk","websocketEnabled":true}';
    await fetch(`${server.url}/api/instance/new`, { method: "POST", headers, body });
    const consumer = await openConsumer(server.url, "/ws/desk", { headers: { token } });
    await query(
      server.database.url,
      "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
    );
    await server.operate((store) => store.revokeAccount(account.id));
    expect(await consumer.closed).toEqual([4001, "token revoked"]);
    const refused = await fetch(`${server.url}/api/instance/list`, { headers });
    expect(refused.status).toBe(401);
  });
});

describe("the program", () => {
  const accountToken = "ta_test-of-resilience";

  it("goes on when its embedded database is killed: sockets stay, events pass, and calls work again", async () => {
    const DATA_DIR = temporaryDirectory();
    const server = await startServerProgram({ DATA_DIR, ACCOUNT_TOKEN: accountToken });
    const client = createRestClient(server.url, accountToken);
    await client.call("POST", "/api/instance/new", { name: "desk", websocketEnabled: true });
    const consumer = await openConsumer(server.url, `/ws/desk?token=${accountToken}`);
    const [pid] = readFileSync(join(DATA_DIR, "postgres", "data", "postmaster.pid"), "utf8").split("\n");
    process.kill(Number(pid), "SIGKILL");

    const event = { event: "call.update", data: { n: 1 } };
    expect(await client.call("POST", "/api/events/publish/desk", event)).toMatchObject({ status: 200 });
    expect(dataOf(await consumer.next())).toEqual({ n: 1 });
    await expect
      .poll(() => client.call("POST", "/api/events/websocket/desk", { enabled: false }), { timeout: 20_000 })
      .toMatchObject({ status: 200 });
    expect(await client.call("GET", "/api/instance/list")).toMatchObject({
      body: { instances: [{ name: "desk", websocket: { enabled: false } }] },
    });
  });

  it("stops under load with code 0, and every socket reads 1001 behind a run of frames without gaps", async () => {
    const database = await createTestDatabase();
    onTestFinished(() => database.drop());
    const server = await startServerProgram({
      DATABASE_URL: database.url,
      DATA_DIR: temporaryDirectory(),
      ACCOUNT_TOKEN: accountToken,
      RATE_LIMIT_GLOBAL: "0",
    });
    const client = createRestClient(server.url, accountToken);
    await client.call("POST", "/api/instance/new", { name: "desk", websocketEnabled: true });
    const consumers: Consumer[] = [];
    for (let i = 0; i < 50; i++) consumers.push(await openConsumer(server.url, `/ws/desk?token=${accountToken}`));

    const stream = openEventStream(server.grpcUrl, accountToken);
    let n = 0;
    const producing = (async () => {
      for (;;) {
        stream.send({ events: Array.from({ length: 20 }, () => eventOf("desk", "call.update", `{"n":${n++}}`)) });
        if ((await stream.acknowledgement()) === undefined) return;
      }
    })().catch((error: Error) => error);
    const configuring = (async () => {
      for (;;) {
        const answer = await client.call("POST", "/api/events/websocket/desk", { enabled: true });
        expect([200, 503]).toContain(answer.status);
      }
    })().catch((error: Error) => error);
    await consumers[0]?.take(1_000);

    server.kill("SIGTERM");
    expect(await server.ended).toBe(0);
    const ends = await Promise.all(consumers.map((consumer) => consumer.closed));
    expect(new Set(ends.map(String))).toEqual(new Set(["1001,shutting down"]));
    for (const [i, consumer] of consumers.entries()) {
      const numbers: unknown[] = [];
      const rest = async () => {
        for (;;) numbers.push(dataOf(await consumer.next()).n);
      };
      await expect(rest()).rejects.toThrow("1001");
      const first = i === 0 ? 1_000 : 0;
      expect(numbers).toEqual(numbers.map((_, index) => first + index));
      expect(numbers.length + first).toBeGreaterThanOrEqual(1_000);
    }
    expect(String(await producing)).toMatch(/\[unavailable\]/);
    expect(String(await configuring)).toContain("fetch failed");
  });
});
