/** Workers without NATS_URL bring a nats-server of their own: closed to others, started again, and left behind by nobody. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { connect as connectToNats } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRunning } from "../../src/machine/process.js";
import { dataOf } from "../support/consumer.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { startProgram } from "../support/program.js";
import { lacks } from "../support/requirements.js";
import { scrape } from "../support/scrape.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";
import { connectMany, createInstance, startWorkersProgram, type WorkersServer } from "../support/workers.js";

const lacksNatsServer = await lacks("nats-server");
const lacksRoot = await lacks("root");

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Of the one start of a nats-server that is there. */
function filesOf({ dataDir }: WorkersServer) {
  const all = join(dataDir, "nats");
  const [name = ""] = readdirSync(all);
  const address = join(all, name, "address");
  return { all, address, configuration: join(all, name, "server", "nats.conf") };
}

function addressOf(server: WorkersServer): { servers: string[]; token: string } {
  return JSON.parse(readFileSync(filesOf(server).address, "utf8"));
}

const publish = ({ call }: WorkersServer, instance: string, n: number) =>
  call("POST", `/api/events/publish/${instance}`, { event: "label.update", data: { n } });

const reached = async (server: WorkersServer) => (await scrape(server.grpcUrl, "eventwire_bus_connected"))[0] === 1;

describe.skipIf(lacksNatsServer)("the nats-server of several workers", () => {
  it("lets nobody in without the token, which only its user may read", async () => {
    const server = await startWorkersProgram(database.url);
    const { all, address, configuration } = filesOf(server);
    const { servers, token } = addressOf(server);
    expect(servers).toEqual([expect.stringMatching(/^nats:\/\/127\.0\.0\.1:\d+$/)]);
    await expect(connectToNats({ servers, reconnect: false })).rejects.toThrow(/authoriz/i);
    const nats = await connectToNats({ servers, token });
    expect(nats.info?.max_payload).toBe(2 * 16 * 1024 * 1024);
    await nats.close();
    expect([all, address, configuration].map((path) => statSync(path).mode & 0o077)).toEqual([0, 0, 0]);
    expect(readFileSync(`/proc/${server.natsPid()}/cmdline`, "utf8")).not.toContain(token);
    expect(server.stderr).not.toContain(token);
  });

  it.skipIf(lacksRoot)("does not run as root, and knows none of our settings", async () => {
    const server = await startWorkersProgram(database.url);
    const [, uid] = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${server.natsPid()}/status`, "utf8")) ?? [];
    expect(Number(uid)).toBeGreaterThan(0);
    expect(readFileSync(`/proc/${server.natsPid()}/environ`, "utf8")).not.toMatch(/DATABASE_URL|TOKEN|KEY/);
  });

  it("carries an event of the largest size to the sockets of all workers", async () => {
    const server = await startWorkersProgram(database.url, { PUBLISH_MAX_BYTES: "20000000" });
    const instance = await createInstance(server);
    const consumers = await connectMany(server, instance, 8);
    const data = { text: "x".repeat(19_900_000) };
    const { status, body } = await server.call("POST", `/api/events/publish/${instance}`, {
      event: "label.update",
      data,
    });
    expect([status, body]).toEqual([200, expect.not.objectContaining({ otherNodesReached: false })]);
    for (const consumer of consumers) expect((await consumer.next()).length).toBeGreaterThan(19_900_000);
  });

  it("that is killed is started again elsewhere, with another token; the span is logged, and all events come again", async () => {
    const server = await startWorkersProgram(database.url);
    const instance = await createInstance(server);
    const consumers = await connectMany(server, instance);
    const before = addressOf(server);
    await publish(server, instance, 1);
    for (const consumer of consumers) expect(dataOf(await consumer.next())).toEqual({ n: 1 });
    process.kill(server.natsPid() as number, "SIGKILL");
    await server.printed("nats-server has ended and is started again");
    await until(() => server.stderr.split("the bus is back").length === 3);
    await until(() => reached(server));
    expect(addressOf(server).token).not.toBe(before.token);
    expect(server.stderr.split("the bus is away").length).toBe(3);
    expect(await publish(server, instance, 2)).toMatchObject({ status: 200 });
    for (const consumer of consumers) expect(dataOf(await consumer.next())).toEqual({ n: 2 });
  });

  it("that a killed primary process left behind is ended by the next start", async () => {
    const killed = await startWorkersProgram(database.url);
    const orphan = killed.natsPid() as number;
    killed.kill("SIGKILL");
    await killed.ended;
    expect(isRunning(orphan)).toBe(true);
    const next = await startWorkersProgram(database.url, { DATA_DIR: killed.dataDir });
    expect(isRunning(orphan)).toBe(false);
    expect(readdirSync(join(next.dataDir, "nats"))).toHaveLength(1);
  });

  it("is left alone by another start in the same directory while its primary process lives", async () => {
    const other = await createTestDatabase();
    const first = await startWorkersProgram(database.url);
    const second = await startWorkersProgram(other.url, { DATA_DIR: first.dataDir });
    expect(isRunning(first.natsPid() as number)).toBe(true);
    expect(second.natsPid()).not.toBe(first.natsPid());
    expect(readdirSync(join(first.dataDir, "nats"))).toHaveLength(2);
    second.kill("SIGTERM");
    await second.ended;
    await other.drop();
  });

  it("is ended last by a stop", async () => {
    const server = await startWorkersProgram(database.url);
    const pid = server.natsPid() as number;
    server.kill("SIGTERM");
    expect(await server.ended).toBe(0);
    expect(isRunning(pid)).toBe(false);
    expect(server.stderr).not.toContain("the bus is away");
  });

  it("that cannot be started ends the start with one sentence", async () => {
    const bin = temporaryDirectory();
    execFileSync("sh", [
      "-c",
      `printf '#!/bin/sh\\necho no room >&2; exit 3' > ${bin}/nats-server; chmod 755 ${bin} ${bin}/nats-server`,
    ]);
    const refused = startProgram([], {
      ...ports,
      DATABASE_URL: database.url,
      DATA_DIR: temporaryDirectory(),
      PATH: bin,
    });
    expect(await refused.ended).toBe(1);
    expect(refused.stderr).toBe("eventwire: nats-server stopped at its start (3): no room.\n");
  });
});

const ports = { WORKERS: "2", HOST: "127.0.0.1", PORT: "0", GRPC_PORT: "0", LOG_LEVEL: "silent" };

it("a start of several workers without nats-server and NATS_URL ends with one sentence that says what to install", async () => {
  const refused = startProgram([], {
    ...ports,
    DATABASE_URL: database.url,
    DATA_DIR: temporaryDirectory(),
    PATH: "/nowhere",
  });
  expect(await refused.ended).toBe(1);
  expect(refused.stdout).toBe("");
  expect(refused.stderr).toBe(
    "eventwire: WORKERS is 2, but there is no nats-server on the PATH, which carries events from one worker to another: " +
      "install the package nats-server, set NATS_URL to a NATS that runs, or set WORKERS to 1.\n",
  );
});
