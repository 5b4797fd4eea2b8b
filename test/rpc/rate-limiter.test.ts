/** Fixed windows of 60 s, wherever they are counted. */

import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import { createClusterRateLimiter } from "../../src/rpc/rate-limit/cluster-rate-limiter.js";
import { createNodeRateLimiter } from "../../src/rpc/rate-limit/node-rate-limiter.js";
import type { RateLimiter, RateLimits } from "../../src/rpc/rate-limit/rate-limiter.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { type Node, openReadyNode } from "../support/store.js";

const start = 1_700_000_000_500;
const reset = 1_700_000_061;

let database: TestDatabase;
let node: Node;
beforeAll(async () => {
  database = await createTestDatabase();
  node = await openReadyNode(database.url);
});
afterAll(async () => {
  await node.close();
  await database.drop();
});

beforeEach(() => void vi.useFakeTimers({ now: start, toFake: ["Date", "performance"] }));
afterEach(async () => {
  vi.useRealTimers();
  await query(database.url, "truncate rate_counter");
});

/** Lets time pass on this node and in the database, whose clock nobody can fake: what stands there gets older. */
async function pass(ms: number): Promise<void> {
  vi.advanceTimersByTime(ms);
  await query(database.url, `update rate_counter set expire = expire - ${ms}`);
}

/** The database goes on while a test runs. */
const about = (second: number): number => expect.closeTo(second, -1);
const exactly = (second: number): number => second;

const kinds: [string, typeof exactly, (limits: RateLimits) => RateLimiter][] = [
  ["of one node", exactly, createNodeRateLimiter],
  ["of a cluster", about, (limits) => createClusterRateLimiter(limits, node.rateCounters)],
  [
    "of a cluster whose database is gone",
    exactly,
    (limits) => createClusterRateLimiter(limits, { rejected: 0, count: () => Promise.reject(new Error("gone")) }),
  ],
];

describe.each(kinds)("the rate limiter %s", (_, at, createRateLimiter) => {
  it("counts down within a window that begins with the first call and resets at a whole second", async () => {
    const limiter = createRateLimiter({ global: 3, create: 20, publish: 0 });
    const status = (remaining: number, second: number) => ({ limit: 3, remaining, reset: at(second) });
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toEqual({ granted: 1, status: status(2, reset) });
    await pass(30_000);
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toEqual({ granted: 1, status: status(1, reset) });
    await pass(30_000);
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toEqual({ granted: 1, status: status(2, reset + 60) });
  });

  it("refuses beyond the limit without making the window longer", async () => {
    const limiter = createRateLimiter({ global: 2, create: 0, publish: 0 });
    await limiter.charge(Bucket.GLOBAL, "a");
    await limiter.charge(Bucket.GLOBAL, "a");
    for (let call = 0; call < 5; call++) {
      await pass(10_000);
      expect(await limiter.charge(Bucket.GLOBAL, "a")).toEqual({
        granted: 0,
        status: { limit: 2, remaining: 0, reset: at(reset) },
      });
    }
    await pass(10_000);
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toMatchObject({ granted: 1, status: { remaining: 1 } });
  });

  it("grants what is left of several points", async () => {
    const limiter = createRateLimiter({ global: 0, create: 0, publish: 10 });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 7)).toMatchObject({ granted: 7, status: { remaining: 3 } });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 7)).toMatchObject({ granted: 3, status: { remaining: 0 } });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 7)).toMatchObject({ granted: 0, status: { remaining: 0 } });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 0)).toMatchObject({ granted: 0, status: { remaining: 0 } });
  });

  it("looks without charging", async () => {
    const limiter = createRateLimiter({ global: 0, create: 0, publish: 10 });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 0)).toMatchObject({ granted: 0, status: { remaining: 10 } });
    expect(await limiter.charge(Bucket.PUBLISH, "a", 10)).toMatchObject({ granted: 10 });
  });

  it("keeps keys and buckets apart", async () => {
    const limiter = createRateLimiter({ global: 1, create: 1, publish: 1 });
    await limiter.charge(Bucket.GLOBAL, "a");
    expect(await limiter.charge(Bucket.GLOBAL, "b")).toMatchObject({ granted: 1 });
    expect(await limiter.charge(Bucket.CREATE, "a")).toMatchObject({ granted: 1 });
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toMatchObject({ granted: 0 });
  });

  it("is off for a limit of 0 and for no bucket", async () => {
    const limiter = createRateLimiter({ global: 0, create: 20, publish: 0 });
    expect(limiter.isOn(Bucket.GLOBAL)).toBe(false);
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toBeUndefined();
    expect(await limiter.charge(Bucket.UNSPECIFIED, "a")).toBeUndefined();
  });
});

it("the rate limiter of one node does not wait for a clock that is set back", async () => {
  vi.useFakeTimers({ now: start, toFake: ["Date", "setTimeout"] });
  const limiter = createNodeRateLimiter({ global: 1, create: 0, publish: 0 });
  await limiter.charge(Bucket.GLOBAL, "a");
  vi.setSystemTime(start - 3_600_000);
  expect(await limiter.charge(Bucket.GLOBAL, "a")).toMatchObject({ granted: 0, status: { reset: reset - 3_600 } });
  vi.advanceTimersByTime(60_000);
  expect(await limiter.charge(Bucket.GLOBAL, "a")).toMatchObject({ granted: 1 });
});

describe("the rate limiter of a cluster", () => {
  const limits = { global: 3, create: 1, publish: 10 };

  it("has one window for all nodes", async () => {
    const other = await openReadyNode(database.url);
    const [near, far] = [node, other].map(({ rateCounters }) => createClusterRateLimiter(limits, rateCounters));
    expect(await near?.charge(Bucket.GLOBAL, "a")).toMatchObject({ status: { remaining: 2, reset: about(reset) } });
    await pass(30_000);
    expect(await far?.charge(Bucket.GLOBAL, "a")).toMatchObject({
      granted: 1,
      status: { remaining: 1, reset: about(reset) },
    });
    expect(await near?.charge(Bucket.GLOBAL, "a")).toMatchObject({
      granted: 1,
      status: { remaining: 0, reset: about(reset) },
    });
    expect(await far?.charge(Bucket.GLOBAL, "a")).toMatchObject({
      granted: 0,
      status: { remaining: 0, reset: about(reset) },
    });
    expect(await near?.charge(Bucket.PUBLISH, "a", 7)).toMatchObject({ granted: 7 });
    expect(await far?.charge(Bucket.PUBLISH, "a", 7)).toMatchObject({ granted: 3, status: { remaining: 0 } });
    await pass(30_000);
    expect(await far?.charge(Bucket.GLOBAL, "a")).toMatchObject({ granted: 1, status: { remaining: 2 } });
    await other.close();
  });

  it("does not wait for a clock that is set back, of a node or of the database", async () => {
    const limiter = createClusterRateLimiter(limits, node.rateCounters);
    await limiter.charge(Bucket.CREATE, "a");
    vi.setSystemTime(start - 3_600_000);
    expect(await limiter.charge(Bucket.CREATE, "a")).toMatchObject({
      granted: 0,
      status: { reset: about(reset - 3_600) },
    });
    await pass(60_000);
    expect(await limiter.charge(Bucket.CREATE, "a")).toMatchObject({ granted: 1 });
    await query(database.url, "update rate_counter set expire = expire + 3600000");
    const other = createClusterRateLimiter(limits, node.rateCounters);
    expect(await other.charge(Bucket.CREATE, "a")).toMatchObject({ granted: 1 });
    expect(await other.charge(Bucket.CREATE, "a")).toMatchObject({ granted: 0 });
  });

  it("grants no more than the limit to calls at the same time", async () => {
    const other = await openReadyNode(database.url);
    const many = { global: 50, create: 0, publish: 0 };
    const limiters = [node, other].map(({ rateCounters }) => createClusterRateLimiter(many, rateCounters));
    const charges = await Promise.all(
      Array.from({ length: 200 }, (_, call) => limiters[call % 2]?.charge(Bucket.GLOBAL, "crowd")),
    );
    expect(charges.reduce((sum, charge) => sum + (charge?.granted ?? 0), 0)).toBe(50);
    await other.close();
  });

  it("asks the database no more for a key that has used up its window", async () => {
    const limiter = createClusterRateLimiter(limits, node.rateCounters);
    await limiter.charge(Bucket.CREATE, "a");
    await query(database.url, "truncate rate_counter");
    expect(await limiter.charge(Bucket.CREATE, "a")).toMatchObject({
      granted: 0,
      status: { remaining: 0, reset: about(reset) },
    });
    expect((await query(database.url, "select * from rate_counter")).rows).toEqual([]);
  });

  it("has one row per key and bucket, which is removed when its window has ended a minute ago", async () => {
    // Begun by the clock of this test.
    const begun = await openReadyNode(database.url);
    const limiter = createClusterRateLimiter(limits, begun.rateCounters);
    await limiter.charge(Bucket.GLOBAL, "old");
    await limiter.charge(Bucket.GLOBAL, "old");
    await pass(120_001);
    await limiter.charge(Bucket.PUBLISH, "new");
    const keys = async () => (await query(database.url, "select key from rate_counter")).rows.map(({ key }) => key);
    await vi.waitFor(async () => expect(await keys()).toEqual(["publish:new"]), 10_000);
    await begun.close();
  });

  it("counts alone while the database is gone, falls back at once, says so once, and comes back", async () => {
    const proxy = await startDatabaseProxy(database.url);
    const log: { msg: string }[] = [];
    const logger = pino({ level: "info" }, { write: (line: string) => void log.push(JSON.parse(line)) });
    const cut = await openReadyNode(proxy.url, { logger });
    const told = (text: string) => log.filter(({ msg }) => msg.includes(text)).length;
    const limiter = createClusterRateLimiter(limits, cut.rateCounters);
    await limiter.charge(Bucket.GLOBAL, "a");
    proxy.silence();
    for (const granted of [1, 1, 1, 0, 0])
      expect(await limiter.charge(Bucket.GLOBAL, "a")).toMatchObject({ granted, status: { limit: 3 } });
    expect(told("this node counts them alone")).toBe(1);
    expect(cut.rateCounters.rejected).toBe(5);
    await proxy.heal();
    await vi.waitFor(() => expect(told("counted in the database again")).toBe(1), 20_000);
    expect(await limiter.charge(Bucket.GLOBAL, "a")).toMatchObject({ granted: 1, status: { remaining: 1 } });
    expect(cut.rateCounters.rejected).toBe(5);
    await cut.close();
    await proxy.close();
  });
});
