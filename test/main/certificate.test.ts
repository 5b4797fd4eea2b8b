/** What SIGHUP with a new certificate leaves alone: native broadcasts, clients with and without a name, the processes. */

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import type { Certificate } from "../support/certificate.js";
import { openConsumer } from "../support/consumer.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { startServerProgram } from "../support/program.js";
import { lacks } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary.js";
import { callOver, certificateFiles, shows } from "../support/tls-server.js";
import { until } from "../support/until.js";
import { accountToken, startWorkersProgram } from "../support/workers.js";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

function start(tls: Record<string, string>) {
  const env = { ACCOUNT_TOKEN: accountToken, ENCRYPTION_KEY: "3".repeat(64), RATE_LIMIT_GLOBAL: "0" };
  return startServerProgram({ ...env, ...tls, DATABASE_URL: database.url, DATA_DIR: temporaryDirectory() });
}

/** So many events that they are broadcast natively. */
async function publishMany(grpcUrl: string, { cert }: Certificate, count: number): Promise<void> {
  const client = createClient(EventService, createGrpcTransport({ baseUrl: grpcUrl, nodeOptions: { ca: cert } }));
  const event = { instance: "desk-1", event: "call.update" };
  const dataJson = (at: number) => new TextEncoder().encode(`{"at":${at}}`);
  const events = Array.from({ length: count }, (_, at) => ({
    ...event,
    payload: { case: "dataJson" as const, value: dataJson(at) },
  }));
  async function* batches() {
    yield { sequence: 1n, events };
  }
  for await (const answer of client.publishEvents(batches(), { headers: { token: accountToken } })) {
    expect(answer.refusals).toEqual([]);
  }
}

it("is shown to every name on both ports, and broadcasts reach the sockets of all certificates", async () => {
  const files = certificateFiles();
  const server = await start(files.env);
  const { first } = files;
  const created = { method: "POST", token: accountToken, body: { name: "desk-1", websocketEnabled: true } };
  expect((await callOver(first, `${server.url}/api/instance/new`, created)).status).toBe(201);
  const path = `/ws/desk-1?token=${accountToken}`;
  const before = await openConsumer(server.url, path, { ca: first.cert });

  const second = files.replace();
  server.kill("SIGHUP");
  await server.printed("the certificate was renewed");
  for (const url of [server.url, server.grpcUrl]) {
    for (const name of [undefined, "localhost", "elsewhere.example.net"])
      expect(await shows(url, second, name)).toBe(true);
  }
  expect((await callOver(second, `${server.url}/health`)).status).toBe(200);
  expect((await callOver(second, `${server.url}/nowhere`)).status).toBe(404);

  const third = files.replace();
  server.kill("SIGHUP");
  await until(async () => (await shows(server.url, third)) && (await shows(server.grpcUrl, third)));
  const after = await openConsumer(server.url, path, { ca: third.cert });
  await publishMany(server.grpcUrl, third, 10);
  const frames = await before.take(10);
  expect(frames.map((frame) => JSON.parse(frame).data.at)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(await after.take(10)).toEqual(frames);

  server.kill("SIGTERM");
  for (const { closed } of [before, after]) expect(await closed).toEqual([1001, "shutting down"]);
  expect(await server.ended).toBe(0);
});

it.skipIf(await lacks("nats-server"))(
  "reaches every worker, and ends none when the signal reaches all of them",
  async () => {
    const files = certificateFiles();
    const server = await startWorkersProgram(database.url, files.env);
    const second = files.replace();
    server.kill("SIGHUP");
    await until(() => server.stderr.split("the certificate was renewed").length === 3);
    for (const url of [server.url, server.grpcUrl]) {
      const seen = await Promise.all(Array.from({ length: 30 }, () => shows(url, second)));
      expect(new Set(seen)).toEqual(new Set([true]));
    }
    // As a terminal that goes does: to all of them at once.
    for (const pid of [...server.pids(), server.child.pid as number]) process.kill(pid, "SIGHUP");
    expect((await callOver(second, `${server.url}/health`)).status).toBe(200);
    server.kill("SIGTERM");
    expect(await server.ended).toBe(0);
  },
);
