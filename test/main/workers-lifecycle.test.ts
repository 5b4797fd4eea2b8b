/** Several workers start and stop as one process does: with one sentence when they cannot, cleanly when they are told to. */

import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { startProgram } from "../support/program.js";
import { lacks } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";
import { connectMany, createInstance, isAlive, startWorkersProgram } from "../support/workers.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const lacksNatsServer = await lacks("nats-server");

describe.skipIf(lacksNatsServer)("a stop of several workers", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("by %s closes all sockets with 1001 and ends with 0", async (signal) => {
    const server = await startWorkersProgram(database.url);
    const consumers = await connectMany(server, await createInstance(server));
    const pids = [...server.pids(), server.natsPid() as number];
    // As a terminal and a service manager do: to all of them at once.
    for (const pid of [...server.pids(), server.child.pid as number]) process.kill(pid, signal);
    for (const { closed } of consumers) expect(await closed).toEqual([1001, "shutting down"]);
    expect(await server.ended).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(join(server.dataDir, "nats"))).toEqual([]);
  });
});

describe.skipIf(lacksNatsServer)("a stop while a worker is started again", () => {
  it("ends that one too", async () => {
    const server = await startWorkersProgram(database.url);
    const [victim = 0] = server.pids();
    process.kill(victim, "SIGKILL");
    await server.printed("a worker has ended and is started again");
    await until(() => server.pids().length === 2);
    const pids = server.pids();
    server.kill("SIGTERM");
    expect(await server.ended).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

describe.skipIf(lacksNatsServer)("a start of several workers", () => {
  it("brings its own database, and prints the token of the first account once", async () => {
    const server = await startWorkersProgram(undefined, { ACCOUNT_TOKEN: "" });
    const tokens = server.stdout.match(/ta_\S+/g) ?? [];
    expect(tokens).toHaveLength(1);
    const answer = await fetch(`${server.url}/api/instance/list`, { headers: { token: tokens[0] ?? "" } });
    expect(answer.status).toBe(200);
    expect(server.stderr).not.toContain(tokens[0]);
    server.kill("SIGTERM");
    expect(await server.ended).toBe(0);
  });

  it.each(["PORT", "GRPC_PORT"])("ends with one sentence when %s is taken, by one of its kind too", async (name) => {
    const server = await startWorkersProgram(database.url);
    const strange = createServer().listen(0, "127.0.0.1");
    await once(strange, "listening");
    const address = strange.address() as { port: number };
    const taken = [String(address.port), new URL(name === "PORT" ? server.url : server.grpcUrl).port];
    for (const port of taken) {
      const ports = { PORT: "0", GRPC_PORT: "0", [name]: port };
      const refused = startProgram([], {
        ...ports,
        WORKERS: "2",
        HOST: "127.0.0.1",
        DATABASE_URL: database.url,
        DATA_DIR: temporaryDirectory(),
        LOG_LEVEL: "silent",
      });
      expect(await refused.ended).toBe(1);
      expect(refused.stdout).toBe("");
      expect(refused.stderr).toMatch(new RegExp(`^eventwire: ${name} ${port} cannot be listened on .*taken.*\\n$`));
    }
    strange.close();
  });

  it("ends with one sentence when no worker can start", async () => {
    const other = await createTestDatabase();
    const seeded = await startWorkersProgram(other.url, { ENCRYPTION_KEY: "1".repeat(64) });
    seeded.kill("SIGTERM");
    await seeded.ended;
    const refused = startProgram([], {
      WORKERS: "2",
      HOST: "127.0.0.1",
      PORT: "0",
      GRPC_PORT: "0",
      DATABASE_URL: other.url,
      DATA_DIR: temporaryDirectory(),
      ENCRYPTION_KEY: "2".repeat(64),
      LOG_LEVEL: "silent",
    });
    expect(await refused.ended).toBe(1);
    expect(refused.stderr).toMatch(/^eventwire: .*ENCRYPTION_KEY.*\n$/);
    await other.drop();
  });
});
