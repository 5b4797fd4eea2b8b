/** SIGTERM with hundreds of open sockets: what they, the probes, the producers and the calls in flight see of it. */

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it, onTestFinished } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.js";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { createTestDatabase } from "../support/postgres.js";
import { type RunningServer, startServerProgram } from "../support/program.js";
import { jsonRequest, openRaw, sendRaw, upgradeHead } from "../support/raw-http.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

const accountToken = "ta_test-of-the-drain";
const instances = ["desk-1", "desk-2", "desk-3"];

/** A server with so many sockets, in turn on each instance. */
async function start(sockets: number, drainSeconds: number): Promise<{ server: RunningServer; consumers: Consumer[] }> {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const server = await startServerProgram({
    DATABASE_URL: url,
    DATA_DIR: temporaryDirectory(),
    ACCOUNT_TOKEN: accountToken,
    RATE_LIMIT_GLOBAL: "0",
    DRAIN_SECONDS: String(drainSeconds),
  });
  const client = createRestClient(server.url, accountToken);
  for (const name of instances) await client.call("POST", "/api/instance/new", { name, websocketEnabled: true });
  const opening = Array.from({ length: sockets }, (_, i) =>
    openConsumer(server.url, `/ws/${instances[i % instances.length]}?token=${accountToken}`),
  );
  return { server, consumers: await Promise.all(opening) };
}

/** When each socket closed, and for how long this process was held up at most: it may have seen a close so much later. */
function watchCloses(consumers: readonly Consumer[]): { readonly times: number[]; heldUpMs: number } {
  const watched = { times: [] as number[], heldUpMs: 0 };
  let ticked = performance.now();
  const timer = setInterval(() => {
    watched.heldUpMs = Math.max(watched.heldUpMs, performance.now() - ticked);
    ticked = performance.now();
  }, 5);
  onTestFinished(() => clearInterval(timer));
  for (const { closed } of consumers) void closed.then(() => watched.times.push(performance.now()));
  return watched;
}

/** The most within any second. */
function mostPerSecond(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + 1_000).length));
}

/** The numbers of all frames up to the close. */
async function numbersOf(consumer: Consumer): Promise<number[]> {
  const numbers: number[] = [];
  for (;;) {
    const frame = await consumer.next().catch(() => undefined);
    if (frame === undefined) return numbers;
    numbers.push(Number(dataOf(frame).n));
  }
}

it("drains: readiness first, then 300 sockets over DRAIN_SECONDS, then producers and calls, and ends with 0", async () => {
  const { server, consumers } = await start(300, 3);
  const watch = createClient(Health, createGrpcTransport({ baseUrl: server.grpcUrl }))
    .watch({})
    [Symbol.asyncIterator]();
  expect((await watch.next()).value.status).toBe(Status.SERVING);

  const inFlight = await openRaw(Number(new URL(server.url).port));
  const request = jsonRequest("POST /api/events/websocket/desk-1", '{"enabled":true}', `token: ${accountToken}`);
  await inFlight.send(request.subarray(0, -3));

  const stream = openEventStream(server.grpcUrl, accountToken);
  let acknowledged = 0;
  const producing = (async () => {
    for (let n = 0; ; n++) {
      stream.send({ events: instances.map((name) => eventOf(name, "call.update", `{"n":${n}}`)) });
      await stream.acknowledgement();
      acknowledged = n + 1;
      // A pace that every socket can follow.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })().catch((error: Error) => error);
  await consumers[0]?.next();

  const closes = watchCloses(consumers);
  server.kill("SIGTERM");
  await server.printed('"msg":"draining"');
  const health = await fetch(`${server.url}/health`);
  expect(health.status).toBe(503);
  expect(await health.json()).toMatchObject({ status: "degraded", checks: { db: "ok", node: "draining" } });
  expect((await watch.next()).value.status).toBe(Status.NOT_SERVING);
  const head = upgradeHead("/ws/desk-1", `token: ${accountToken}`);
  const refusal = await sendRaw(Number(new URL(server.url).port), head);
  expect([refusal?.status, refusal?.headers.get("retry-after")]).toEqual([503, ["1"]]);
  expect(closes.times.length).toBeLessThan(300);
  const publishedByThen = acknowledged;

  const frames = await Promise.all(consumers.map(numbersOf));
  const ends = await Promise.all(consumers.map(({ closed }) => closed));
  expect(new Set(ends.map(String))).toEqual(new Set(["1001,shutting down"]));
  // A hundred a second is the mean.
  expect(mostPerSecond(closes.times)).toBeLessThanOrEqual(200 * (1 + closes.heldUpMs / 1_000));

  // Each socket got everything up to its close, and the last ones what was published after that refusal.
  for (const [i, numbers] of frames.entries()) {
    const first = i === 0 ? 1 : 0;
    expect(numbers).toEqual(numbers.map((_, index) => first + index));
  }
  expect(Math.max(...frames.flat())).toBeGreaterThan(publishedByThen);

  await inFlight.send(request.subarray(-3));
  expect(await inFlight.response()).toMatchObject({ status: 200 });
  expect(String(await producing)).toMatch(/\[unavailable\] Shutting down/);
  expect((await watch.next()).done).toBe(true);
  expect(await server.ended).toBe(0);
});

it("ends at once by a second signal, whoever is still connected", async () => {
  const { server, consumers } = await start(200, 300);
  server.kill("SIGTERM");
  await server.printed('"msg":"draining"');
  await Promise.any(consumers.map(({ closed }) => closed));
  // Signals right behind the first are its echo, so it may take a few.
  const again = setInterval(() => server.kill("SIGTERM"), 50);
  onTestFinished(() => clearInterval(again));
  expect(await server.ended).toBe(1);
  const codes = (await Promise.all(consumers.map(({ closed }) => closed))).map(([code]) => code);
  expect(new Set(codes)).toEqual(new Set([1001, 1006]));
});
