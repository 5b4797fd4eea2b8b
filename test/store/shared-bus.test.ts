/** The lock by which the nodes of one database know that they share a bus, where connections are lost without a word. */

import { pino } from "pino";
import { afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import type { StoreOptions } from "../../src/store/open-store.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { openNode } from "../support/store.js";
import { until } from "../support/until.js";

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

async function open(name: string, options: { url?: string; patienceMs?: number } & Partial<StoreOptions> = {}) {
  const { url = database.url, patienceMs = 0, ...more } = options;
  const node = await openNode(url, { bus: { name, patienceMs }, ...more });
  onTestFinished(() => node.close());
  return node;
}

it("is shared by nodes of one name, and keeps one of another name from starting", async () => {
  await (await open("one")).ready;
  await (await open("one")).ready;
  await expect((await open("two")).ready).rejects.toThrow("does not share a NATS with this one");
});

it("is that of one schema: installs beside each other in one database do not mind each other", async () => {
  await query(database.url, "create schema beside");
  await (await open("one")).ready;
  await (await open("two", { url: `${database.url}?options=-csearch_path%3Dbeside` })).ready;
});

it("ends soon with a node that is gone without a word", async () => {
  const wire = await startDatabaseProxy(database.url);
  onTestFinished(() => wire.close());
  const gone = await open("one", { url: wire.url });
  await gone.ready;
  wire.silence();
  // Its own sessions are open, for all that the database can tell.
  await (await open("two", { patienceMs: 30_000 })).ready;
});

it("of another name is told by a node that was away meanwhile, and ends nobody", async () => {
  const log: string[] = [];
  const logger = pino({ level: "error" }, { write: (line: string) => void log.push(line) });
  const wire = await startDatabaseProxy(database.url);
  onTestFinished(() => wire.close());
  const away = await open("one", { url: wire.url, logger });
  await away.ready;
  await wire.cut();
  const second = await open("two", { patienceMs: 10_000 });
  await second.ready;
  await wire.heal();
  await until(() => log.some((line) => line.includes("does not share the bus of this one uses the database")));
  await until(() => !away.directory.stale && !second.directory.stale);
});
