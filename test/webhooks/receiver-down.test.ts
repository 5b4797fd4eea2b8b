/** A receiver that is down for long, and receivers that hang: what waits for them, and everybody else. */

import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { freePort } from "../support/free-port.js";
import { createTestDatabase, query } from "../support/postgres.js";
import { startServerProgram } from "../support/program.js";
import { createRestClient } from "../support/rest-client.js";
import { scrape } from "../support/scrape.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";

const token = "ta_test-of-long-waits";
const MiB = 1024 * 1024;

async function startNode() {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const node = await startServerProgram({
    ...{ DATABASE_URL: database.url, DATA_DIR: temporaryDirectory(), ACCOUNT_TOKEN: token },
    ...{ RATE_LIMIT_GLOBAL: "0", RATE_LIMIT_CREATE: "0", WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8" },
    // A minute stands for the hours of the usual schedule.
    WEBHOOK_RETRY_SECONDS: Array(60 / 2)
      .fill(2)
      .join(),
  });
  const { call } = createRestClient(node.url, token);
  async function hook(name: string, url: string, webhook: object = {}): Promise<void> {
    expect((await call("POST", "/api/instance/new", { name })).status).toBe(201);
    const set = await call("POST", `/api/events/webhook/${name}`, { enabled: true, url, ...webhook });
    expect(set.status).toBe(200);
  }

  /** Publishes events with the numbers from 1 on, in batches, each of which is answered before the next. */
  async function publish(name: string, count: number, bytes: number): Promise<void> {
    const pad = "x".repeat(bytes);
    const stream = openEventStream(node.grpcUrl, token);
    for (let n = 0; n < count; ) {
      const numbers = Array.from({ length: Math.min(50, count - n) }, () => ++n);
      const events = numbers.map((number) => eventOf(name, "call.update", `{"n":${number},"pad":"${pad}"}`));
      stream.send({ sequence: BigInt(n), events });
      expect(await stream.acknowledgement()).toMatchObject({ published: events.length, refusals: [] });
    }
    stream.end();
  }

  const memory = async () => (await scrape(node.grpcUrl, "process_resident_memory_bytes"))[0] ?? 0;
  const waiting = async () =>
    (await query(database.url, "select count(*)::int as count from webhook_delivery where state = 0")).rows[0].count;
  return { call, hook, publish, memory, waiting };
}

/** Notes the numbers of the events that it gets, and keeps no body. `held` gets the answers that it does not give. */
async function startCounter(port = 0, held?: ServerResponse[]): Promise<{ url: string; numbers: number[] }> {
  const numbers: number[] = [];
  const server = createServer(async (request, response) => {
    const chunks = await request.toArray().catch(() => []);
    const [, n] = /"data":\{"n":(\d+)/.exec(Buffer.concat(chunks).subarray(0, 200).toString()) ?? [];
    numbers.push(Number(n));
    if (held === undefined) response.writeHead(204).end();
    else held.push(response);
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}/`, numbers };
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

it("keeps what waits for a receiver that is down in the database, and delivers it in order when the receiver is back", async () => {
  const { hook, publish, memory, waiting } = await startNode();
  const [count, bytes] = [1_500, 64 * 1024];
  const port = await freePort();
  const well = await startCounter();
  await hook("well", well.url);
  await hook("down", `http://127.0.0.1:${port}/`);
  await publish("well", 300, bytes);
  await until(() => well.numbers.length === 300);

  const before = await memory();
  await publish("down", count, bytes);
  expect(await waiting()).toBe(count);
  const during = await memory();
  // The events that wait hold 94 MiB.
  expect((during - before) / MiB, "MiB more in memory").toBeLessThan(64);
  await publish("well", 300, 100);
  await until(() => well.numbers.length === 600);
  expect(await waiting()).toBe(count);

  const back = await startCounter(port);
  await until(() => back.numbers.length >= count);
  expect(back.numbers).toEqual(upTo(count));
  await until(async () => (await waiting()) === 0);
  expect(((await memory()) - before) / MiB, "MiB more in memory").toBeLessThan(64);
}, 120_000);

it("delivers to others while receivers hang with events that fill the memory for events", async () => {
  const { call, hook, publish } = await startNode();
  const pad = "x".repeat(12 * MiB);
  const held: ServerResponse[] = [];
  const hanging = await startCounter(0, held);
  const names = upTo(7).map((n) => `hanging-${n}`);
  for (const name of names) {
    await hook(name, hanging.url, { timeoutSeconds: 30 });
    const event = { event: "call.update", data: { n: 1, pad } };
    expect((await call("POST", `/api/events/publish/${name}`, event)).status).toBe(200);
  }
  await until(() => hanging.numbers.length === names.length);
  const since = performance.now();
  const well = await startCounter();
  await hook("well", well.url);
  await publish("well", 500, 100);
  await until(() => well.numbers.length === 500);
  expect(well.numbers).toEqual(upTo(500));
  // A request of a receiver that hangs ends after 30 s.
  expect((performance.now() - since) / 1000).toBeLessThan(20);
}, 60_000);
