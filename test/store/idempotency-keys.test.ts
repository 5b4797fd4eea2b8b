/** Idempotency keys in a real database, whose clock is moved: who gets a key, how long it lasts, and how old ones go. */

import { randomUUID } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import type { IdempotencyKeys, KeyUse } from "../../src/store/idempotency-keys.js";
import { createIdempotencyKeys } from "../../src/store/postgres/idempotency-keys.js";
import { claimKeys, emptyOldPart } from "../../src/store/postgres/key-statements.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { createMovedClock, type MovedClock } from "../support/moved-clock.js";
import { query } from "../support/postgres.js";
import { openReadyNode, silent } from "../support/store.js";

const hour = 3_600;

let database: MovedClock;
let near: ReturnType<typeof openKeys>;
let far: ReturnType<typeof openKeys>;
beforeAll(async () => {
  database = await createMovedClock();
  await (await openReadyNode(database.url)).close();
  near = openKeys(database.url);
  far = openKeys(database.url);
});
afterAll(async () => {
  await near.close();
  await far.close();
  await database.drop();
});
beforeEach(() => database.moveTo(6 * hour));

const openKeys = (url: string) => createIdempotencyKeys({ url, logger: silent, isSession: () => true });

let calls = 0;
const content = randomUUID();
const useOf = (key: string = randomUUID()): KeyUse => ({ key, content, call: String(++calls) });
const answer = { id: randomUUID(), sockets: 3, otherNodesReached: false, position: "k3f9.7.mrd0w1h7", webhooks: 2 };

async function claimAndSettle(): Promise<string> {
  const use = useOf();
  expect(await near.claim(use)).toEqual({ state: "claimed" });
  await near.settle(use, answer);
  return use.key;
}

it("gives a key to one of many calls of two nodes", async () => {
  const keys = Array.from({ length: 300 }, () => randomUUID());
  const asked = keys.flatMap((key) => [near, far, near, far].map((node) => ({ key, node })));
  asked.sort(() => Math.random() - 0.5);
  const claimed = await Promise.all(
    asked.map(async ({ key, node }) => ((await node.claim(useOf(key))).state === "claimed" ? [key] : [])),
  );
  expect(claimed.flat().sort()).toEqual(keys.sort());
});

it("tells a later call the answer, and whether the content is the same", async () => {
  const key = await claimAndSettle();
  expect(await far.claim(useOf(key))).toMatchObject({ state: "used", sameContent: true, answer });
  const other = { ...useOf(key), content: randomUUID() };
  expect(await far.claim(other)).toMatchObject({ state: "used", sameContent: false, answer });
});

it("tells a later call the answer that a node of an older release has stored", async () => {
  const key = await claimAndSettle();
  await query(database.url, `update idempotency_key set position = null, webhooks = null where key = '${key}'`);
  const { position: _, webhooks: __, ...older } = answer;
  expect(await far.claim(useOf(key))).toMatchObject({ answer: older });
  expect(Object.keys((await far.claim(useOf(key))) as object)).toContain("answer");
});

it("tells a later call how old a key without an answer is", async () => {
  const use = useOf();
  await near.claim(use);
  await database.moveTo(6 * hour + 7);
  expect(await far.claim(useOf(use.key))).toEqual({
    state: "used",
    sameContent: true,
    ageMs: 7_000,
    answer: undefined,
  });
});

it("gives a key that was given back to the next call, and does not give back a key with an answer", async () => {
  const use = useOf();
  await near.claim(use);
  await near.release({ ...use, call: String(++calls) });
  expect((await far.claim(useOf(use.key))).state).toBe("used");
  await near.release(use);
  const next = useOf(use.key);
  expect((await far.claim(next)).state).toBe("claimed");
  await far.settle(next, answer);
  await far.release(next);
  expect(await near.claim(useOf(use.key))).toMatchObject({ answer });
});

it.each([
  ["at the begin", 0],
  ["while claims stand in two parts", 59],
  ["right after that", 61],
  ["in the middle", 6 * hour],
  ["at the end", 12 * hour - 1],
])("remembers a key for 24 hours and no longer, when it is claimed %s of a period", async (_, seconds) => {
  await database.moveTo(seconds);
  const key = await claimAndSettle();
  for (const later of [1, 30, 60, 61, 6 * hour, 12 * hour - 61, 12 * hour, 23 * hour, 24 * hour - 1]) {
    await database.moveTo(seconds + later);
    expect(await far.claim(useOf(key)), `${later} seconds later`).toMatchObject({ state: "used", answer });
  }
  await database.moveTo(seconds + 24 * hour);
  const next = useOf(key);
  expect((await far.claim(next)).state).toBe("claimed");
  expect(await near.claim(useOf(key))).toMatchObject({ state: "used", answer: undefined });
});

it("does not claim a key in a new period while a claim of the period before is not committed", async () => {
  await database.moveTo(12 * hour - 1);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  onTestFinished(() => client.end());
  const use = useOf();
  await client.query("begin");
  expect((await client.query(claimKeys([use]))).rowCount).toBe(1);
  await database.moveTo(12 * hour + 1);
  const claim = far.claim(useOf(use.key));
  const waiting =
    "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  while ((await query(database.url, waiting)).rows[0].n === 0);
  await client.query("commit");
  expect((await claim).state).not.toBe("claimed");
  expect((await far.claim(useOf(use.key))).state).toBe("used");
});

it("takes a key though a part still has a key of the same name from 48 hours before", async () => {
  const key = await claimAndSettle();
  await database.moveTo(6 * hour, 4);
  expect((await near.claim(useOf(key))).state).toBe("claimed");
});

it("empties the part of the next period as a whole, and no other", async () => {
  await query(database.url, "truncate idempotency_key");
  const counts = async () => {
    const parts = await query(database.url, "select part, count(*)::int as n from idempotency_key group by part");
    return parts.rows.map(({ n }) => n);
  };
  for (const period of [0, 1, 2, 3]) {
    await database.moveTo(6 * hour, period);
    await claimAndSettle();
  }
  expect(await counts()).toEqual([1, 1, 1, 1]);
  for (const seconds of [10, 12 * hour - 10]) {
    await database.moveTo(seconds, 3);
    await query(database.url, emptyOldPart);
    expect(await counts()).toEqual([1, 1, 1, 1]);
  }
  await database.moveTo(6 * hour, 3);
  await query(database.url, emptyOldPart);
  expect(await counts()).toEqual([1, 1, 1]);
});

it("refuses claims at once while the database is away, and stores later what was to be stored", async () => {
  const proxy = await startDatabaseProxy(database.url);
  const keys: IdempotencyKeys & { close(): Promise<void> } = openKeys(proxy.url);
  onTestFinished(async () => {
    await keys.close();
    await proxy.close();
  });
  const [settled, released] = [useOf(), useOf()];
  for (const use of [settled, released]) await keys.claim(use);
  await proxy.cut();
  await keys.settle(settled, answer);
  await keys.release(released);
  await expect(keys.claim(useOf())).rejects.toThrow();
  await proxy.heal();
  for (;;) {
    const state = await near.claim(useOf(settled.key));
    if (state.state === "used" && state.answer !== undefined) break;
  }
  while ((await near.claim(useOf(released.key))).state !== "claimed");
  for (;;) if ((await keys.claim(useOf()).catch(() => undefined))?.state === "claimed") break;
});
