/** Starting the program: what it prints, and the one sentence with which it refuses. */

import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createTestDatabase, query } from "../support/postgres.js";
import { startProgram, startServerProgram } from "../support/program.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

const accountToken = "ta_test-of-the-program";

async function database(): Promise<Record<string, string>> {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  return { DATABASE_URL: url, DATA_DIR: temporaryDirectory() };
}

/** What stands on standard error when the program does not start. */
async function refusal(env: Record<string, string>): Promise<string> {
  const program = startProgram([], { LOG_LEVEL: "silent", ACCOUNT_TOKEN: accountToken, ...env });
  expect(await program.ended).toBe(1);
  expect(program.stdout).toBe("");
  return program.stderr;
}

async function takenPort(): Promise<string> {
  const { server, port } = await listenAnywhere();
  onTestFinished(() => void server.close());
  return port;
}

async function freePort(): Promise<string> {
  const { server, port } = await listenAnywhere();
  server.close();
  await once(server, "close");
  return port;
}

async function listenAnywhere(): Promise<{ server: Server; port: string }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: String((server.address() as AddressInfo).port) };
}

describe("a start that cannot succeed ends with code 1 and one sentence", () => {
  it.each([
    [{ PORT: "http" }, 'eventwire: PORT is "http", but must be a whole number from 0 to 65535.\n'],
    [{ ACCOUNT_TOKEN: "short" }, "eventwire: ACCOUNT_TOKEN must be 8 to 128 visible ASCII characters.\n"],
    [{ TLS_CERT: "/nowhere" }, 'eventwire: TLS_CERT is "/nowhere", but must be a file that can be read.\n'],
    [{ NATS_TOKEN: "secret" }, "eventwire: NATS_TOKEN is set without NATS_URL.\n"],
  ])("for the settings %o", async (env, sentence) => {
    expect(await refusal(env as Record<string, string>)).toBe(sentence);
  });

  it("for a public port that is taken", async () => {
    const PORT = await takenPort();
    const said = await refusal({ ...(await database()), HOST: "127.0.0.1", PORT, GRPC_PORT: "0" });
    expect(said).toMatch(new RegExp(`^eventwire: PORT .*${PORT}.*taken.*\\n$`));
  });

  it("for a service port that is taken", async () => {
    const GRPC_PORT = await takenPort();
    const said = await refusal({ ...(await database()), HOST: "127.0.0.1", PORT: "0", GRPC_PORT });
    expect(said).toMatch(new RegExp(`^eventwire: GRPC_PORT.*${GRPC_PORT}.*in use.*\\n$`));
  });

  it("for an address that is not of this machine", async () => {
    const said = await refusal({ ...(await database()), HOST: "192.0.2.1", PORT: "0", GRPC_PORT: "0" });
    expect(said).toMatch(/^eventwire: .*192\.0\.2\.1.*\n$/);
  });

  it.each([{}, { DATABASE_URL: "postgres://localhost:1/nothing" }])(
    "for a data directory that cannot be written, with %o",
    async (env) => {
      const file = join(temporaryDirectory(), "file");
      writeFileSync(file, "");
      const said = await refusal({ ...(env as Record<string, string>), DATA_DIR: join(file, "data") });
      expect(said).toMatch(/^eventwire: .*data directory .*file\/data.*\n$/);
    },
  );

  it("for a database that was encrypted with another key", async () => {
    const env = await database();
    const first = await startServerProgram({ ...env, ENCRYPTION_KEY: "1".repeat(64) });
    first.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    // A start that takes long says that it listens before it has read the database. So standard output may have a line.
    const other = startProgram([], {
      ...env,
      LOG_LEVEL: "silent",
      PORT: "0",
      GRPC_PORT: "0",
      ENCRYPTION_KEY: "2".repeat(64),
    });
    expect(await other.ended).toBe(1);
    expect(other.stderr).toMatch(/^eventwire: .*ENCRYPTION_KEY.*\n$/);
  });
});

describe("a start", () => {
  it("that fails has made no account: the next one prints its token", async () => {
    const env = await database();
    for (const ports of [
      { PORT: await takenPort(), GRPC_PORT: "0" },
      { PORT: "0", GRPC_PORT: await takenPort() },
    ]) {
      const failed = startProgram([], { ...env, HOST: "127.0.0.1", ...ports });
      expect(await failed.ended).toBe(1);
      expect(failed.stdout).toBe("");
    }
    expect((await query(env.DATABASE_URL as string, "select from account")).rowCount).toBe(0);
    const server = await startServerProgram(env);
    const [token = ""] = server.stdout.match(/ta_\S+/) ?? [];
    const client = createRestClient(server.url, token);
    expect(await client.call("GET", "/api/instance/list")).toMatchObject({ status: 200 });
  });

  it("prints the token of the first account once, on standard output only, and it works", async () => {
    const env = await database();
    const first = await startServerProgram(env);
    const [token = "", ...further] = first.stdout.match(/ta_\S+/g) ?? [];
    expect(further).toEqual([]);
    expect(first.stderr).not.toContain(token);
    const client = createRestClient(first.url, token);
    expect(await client.call("GET", "/api/instance/list")).toMatchObject({ status: 200 });
    first.kill("SIGTERM");
    await first.ended;

    const second = await startServerProgram(env);
    expect(second.stdout).not.toContain("ta_");
    const again = createRestClient(second.url, token);
    expect(await again.call("GET", "/api/instance/list")).toMatchObject({ status: 200 });
  });

  it("warns of a variable that is one slip away from a setting, and says nothing of its value", async () => {
    const server = await startServerProgram({ ...(await database()), PROT: "of-no-effect" });
    expect(server.stderr).toContain("PROT is no setting and has no effect: did you mean PORT?");
    expect(server.stderr).not.toContain("of-no-effect");
  });

  it("prints no token when ACCOUNT_TOKEN sets it", async () => {
    const server = await startServerProgram({ ...(await database()), ACCOUNT_TOKEN: accountToken });
    const client = createRestClient(server.url, accountToken);
    expect(await client.call("GET", "/api/instance/list")).toMatchObject({ status: 200 });
    expect(server.stdout + server.stderr).not.toContain(accountToken);
  });

  it("needs nothing but a directory: it brings its own database", async () => {
    const DATA_DIR = join(temporaryDirectory(), "made", "by", "the", "start");
    const server = await startServerProgram({ DATA_DIR, ACCOUNT_TOKEN: accountToken });
    const client = createRestClient(server.url, accountToken);
    expect(await client.call("POST", "/api/instance/new", { name: "desk-1" })).toMatchObject({ status: 201 });
    expect(existsSync(join(DATA_DIR, "postgres"))).toBe(true);
  });

  it("succeeds when nobody reads what it prints", async () => {
    const PORT = await freePort();
    const env = { ...(await database()), HOST: "127.0.0.1", PORT, GRPC_PORT: "0", ACCOUNT_TOKEN: accountToken };
    const program = startProgram([], env);
    program.child.stdout?.destroy();
    await expect
      .poll(() => fetch(`http://127.0.0.1:${PORT}/health`).then(({ status }) => status, String), { timeout: 30_000 })
      .toBe(200);
    program.kill("SIGTERM");
    expect(await program.ended).toBe(0);
  });

  it("succeeds without its database, answers that it is degraded, and recovers by itself", async () => {
    const { url, drop } = await createTestDatabase();
    onTestFinished(drop);
    await drop();
    const server = await startServerProgram({
      DATABASE_URL: url,
      DATA_DIR: temporaryDirectory(),
      ACCOUNT_TOKEN: accountToken,
    });
    const client = createRestClient(server.url, accountToken);
    expect(await client.call("GET", "/health")).toMatchObject({ status: 503, body: { status: "degraded" } });
    expect(await client.call("GET", "/api/instance/list")).toEqual({
      status: 500,
      body: { success: false, error: { message: "Failed to get instance" } },
    });
    await createDatabase(url);
    await expect.poll(() => client.call("GET", "/health"), { timeout: 15_000 }).toMatchObject({ status: 200 });
    expect(await client.call("POST", "/api/instance/new", { name: "desk-1" })).toMatchObject({ status: 201 });
  });
});

async function createDatabase(url: string): Promise<void> {
  const server = new URL(url);
  const name = server.pathname.slice(1);
  server.pathname = "/postgres";
  await query(server.href, `create database ${name}`);
}
