/** Tickets in the database: each is redeemed once, however many ask, and ended ones are removed. */

import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { generateTicket, hashToken } from "../../src/domain/token.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { type Node, openReadyNode } from "../support/store.js";

let database: TestDatabase;
let nodes: [Node, Node];
beforeAll(async () => {
  database = await createTestDatabase();
  nodes = [await openReadyNode(database.url), await openReadyNode(database.url)];
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await database.drop();
});

const stored = { tokenHash: hashToken("ti_desk"), instanceId: randomUUID(), events: ["call.update"] };

/** The hash of a new ticket that ends in 30 s. */
async function add(seconds = 30): Promise<Buffer> {
  const hash = hashToken(generateTicket());
  await nodes[0].tickets.add(hash, stored, seconds);
  return hash;
}

const hashes = async () =>
  (await query(database.url, "select hash from ticket")).rows.map(({ hash }) => (hash as Buffer).toString("hex"));

it("gives what was stored to the first who asks, on any node, and nothing to the second", async () => {
  const hash = await add();
  expect(await nodes[1].tickets.redeem(hash)).toEqual(stored);
  expect(await nodes[1].tickets.redeem(hash)).toBeUndefined();
  expect(await nodes[0].tickets.redeem(hash)).toBeUndefined();
  expect(await nodes[0].tickets.redeem(hashToken("tk_unknown"))).toBeUndefined();
});

it("gives each of fifty tickets to one of 2,000 who ask at once on two nodes, and keeps no row", async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => add()));
  const asked = Array.from({ length: 2_000 }, (_, i) => all[(i * 7) % 50] as Buffer);
  const got = await Promise.all(asked.map((hash, i) => nodes[i % 2 ? 1 : 0].tickets.redeem(hash)));
  const winners = asked.filter((_, i) => got[i] !== undefined).map((hash) => hash.toString("hex"));
  expect(winners.sort()).toEqual(all.map((hash) => hash.toString("hex")).sort());
  expect(await hashes()).toEqual([]);
});

it("says when a ticket ends, and gives nothing for it from then on", async () => {
  const hash = hashToken(generateTicket());
  const ends = await nodes[0].tickets.add(hash, stored, 300);
  const { rows } = await query(database.url, "select extract(epoch from ends_at - now())::float as left from ticket");
  expect(rows).toEqual([{ left: expect.closeTo(300, -1) }]);
  expect(ends.getTime() - Date.now()).toBeGreaterThan(200_000);
  await query(database.url, "update ticket set ends_at = now()");
  expect(await nodes[0].tickets.redeem(hash)).toBeUndefined();
});

it("removes ended tickets when another one is made, at most once a minute", async () => {
  await query(database.url, "truncate ticket");
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const node = await openReadyNode(database.url);
  onTestFinished(() => node.close());
  const ended = `
    insert into ticket select sha256(n::text::bytea), '', gen_random_uuid(), '{}', now() - interval '1 second'
    from generate_series(1, 25000) n`;
  await query(database.url, ended);
  await node.tickets.add(hashToken("tk_first"), stored, 30);
  expect((await hashes()).length).toBe(25_001);
  vi.advanceTimersByTime(60_001);
  await node.tickets.add(hashToken("tk_second"), stored, 30);
  await vi.waitFor(async () => expect((await hashes()).length).toBe(2), 10_000);
});

it("rejects within seconds while the database is silent, says so once, and goes on when it is back", async () => {
  const proxy = await startDatabaseProxy(database.url);
  const log: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void log.push(line) });
  const cut = await openReadyNode(proxy.url, { logger });
  onTestFinished(async () => {
    await cut.close();
    await proxy.close();
  });
  const hash = await add();
  expect(await cut.tickets.redeem(hashToken("tk_unknown"))).toBeUndefined();
  proxy.silence();
  const started = performance.now();
  const results = await Promise.allSettled([cut.tickets.redeem(hash), cut.tickets.redeem(hash)]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(performance.now() - started).toBeLessThan(12_000);
  await proxy.heal();
  await vi.waitFor(async () => expect(await cut.tickets.redeem(hash)).toEqual(stored), 10_000);
  const told = log.filter((line) => line.includes("tickets can")).map((line) => JSON.parse(line).msg);
  expect(told).toEqual(["tickets cannot be redeemed: the database does not answer", "tickets can be redeemed again"]);
});
