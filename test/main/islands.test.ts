/** Nodes on one database that do not share a bus would each deliver to half of the sockets: the second one is refused. */

import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { startNatsServer } from "../support/nats-server.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { type Program, startProgram, startServerProgram } from "../support/program.js";
import { lacks } from "../support/requirements.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

const accountToken = "ta_test-of-the-islands";
const lacksNatsServer = await lacks("nats-server");
const waiting = "a node that does not share the bus of this one uses the database";
const refusal =
  "eventwire: Another node uses this database and does not share a NATS with this one, so that events of one would not reach " +
  "the sockets of the other: set the same NATS_URL and NATS_SUBJECT_PREFIX for all nodes, or stop the other node.\n";

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const settings = (env: Record<string, string> = {}) => ({
  HOST: "127.0.0.1",
  PORT: "0",
  GRPC_PORT: "0",
  DATABASE_URL: database.url,
  DATA_DIR: temporaryDirectory(),
  ENCRYPTION_KEY: "4".repeat(64),
  ACCOUNT_TOKEN: accountToken,
  DRAIN_SECONDS: "0",
  ...env,
});

async function nats(): Promise<{ NATS_URL: string }> {
  const server = await startNatsServer();
  onTestFinished(() => server.close());
  return { NATS_URL: server.url };
}

async function expectRefusal(refused: Program): Promise<void> {
  expect(await refused.ended).toBe(1);
  const sentences = refused.stderr.split("\n").filter((line) => !line.startsWith("{"));
  expect(sentences.join("\n")).toBe(refusal);
}

describe("a second node on one database", () => {
  it("is refused where both are alone, and the first one goes on", async () => {
    const first = await startServerProgram(settings());
    await expectRefusal(startProgram([], settings()));
    expect(await createRestClient(first.url, accountToken).call("GET", "/health")).toMatchObject({ status: 200 });
    expect(first.stderr).not.toContain(waiting);
  });

  it.skipIf(lacksNatsServer)("is refused where the first is alone and it is on NATS", async () => {
    await startServerProgram(settings());
    await expectRefusal(startProgram([], settings(await nats())));
  });

  it.skipIf(lacksNatsServer)("is refused where both are workers with a nats-server of their own", async () => {
    await startServerProgram(settings({ WORKERS: "2" }));
    await expectRefusal(startProgram([], settings({ WORKERS: "2" })));
  });

  it.skipIf(lacksNatsServer)(
    "is welcome where both name one NATS, and refused alone or with another prefix",
    async () => {
      const env = await nats();
      await startServerProgram(settings(env));
      await startServerProgram(settings({ ...env, WORKERS: "2" }));
      const islands = [settings(), settings({ ...env, NATS_SUBJECT_PREFIX: "other" })];
      await Promise.all(islands.map((island) => expectRefusal(startProgram([], island))));
    },
  );

  it("waits for one that is stopping, and then serves", async () => {
    const first = await startServerProgram(settings());
    const second = startProgram([], settings());
    await second.printed(waiting);
    first.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    await second.printed("Eventwire listens on");
    const [, url = ""] = /listens on (\S+) /.exec(second.stdout) ?? [];
    const { call } = createRestClient(url, accountToken);
    await expect.poll(async () => (await call("GET", "/health")).status, { timeout: 10_000 }).toBe(200);
  });

  it("serves at once where the first one was killed", async () => {
    const first = await startServerProgram(settings());
    first.kill("SIGKILL");
    await first.ended;
    const second = await startServerProgram(settings());
    expect(await createRestClient(second.url, accountToken).call("GET", "/health")).toMatchObject({ status: 200 });
  });
});
