/** PgBouncer before the database: in session mode all works, in transaction mode nothing pretends to. */

import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openCommandStore } from "../../src/store/open-store.js";
import { type PgBouncer, startPgBouncer } from "../support/pgbouncer.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { lacks } from "../support/requirements.js";
import { anyWebsocket, caughtUp, makeInstance, openNode, openReadyNode, silent, testKey } from "../support/store.js";

let database: TestDatabase;
let bouncer: PgBouncer | undefined;
const opened: { close(): Promise<void> }[] = [];

function closing<T extends { close(): Promise<void> }>(thing: T): T {
  opened.push(thing);
  return thing;
}

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (let thing = opened.pop(); thing !== undefined; thing = opened.pop()) await thing.close();
  await database.drop();
});

async function bounce(mode: "session" | "transaction"): Promise<PgBouncer> {
  bouncer = closing(await startPgBouncer(database.url, mode));
  return bouncer;
}

const withoutPgBouncer = await lacks("pgbouncer");

describe.skipIf(withoutPgBouncer)("in session mode", () => {
  it("changes and revocations travel between two nodes", async () => {
    const { url } = await bounce("session");
    const a = closing(await openReadyNode(url));
    const b = closing(await openReadyNode(url));
    const made = await makeInstance(a, "desk");
    await a.store.setWebsocket(made.id, { ...anyWebsocket, events: ["call.update"] });
    await caughtUp(a, b);
    expect(b.directory.instanceById(made.id)?.websocket?.events).toEqual(["call.update"]);
    await b.store.rotateInstanceToken(made.id);
    await a.news.heard(`revoked instance ${made.id}`);
    expect(a.directory.principal(made.token)).toBeUndefined();
    expect(await a.store.trouble()).toBeUndefined();
  });

  it("statements are bounded by the server too, and nothing of it is left in the session of the next", async () => {
    const { url } = await bounce("session");
    const node = closing(await openReadyNode(url));
    const bounded = "select count(*) from pg_stat_activity where application_name = 'eventwire'";
    await node.store.listAccounts();
    expect((await query(database.url, bounded)).rows[0].count).not.toBe("0");
    await node.close();
    const { rows } = await query(url, "show statement_timeout");
    expect(rows).toEqual([{ statement_timeout: "0" }]);
  });

  it("calls are counted on several connections at once", async () => {
    const { url } = await bounce("session");
    const node = closing(await openReadyNode(url));
    const counts = await Promise.all(Array.from({ length: 20 }, () => node.rateCounters.count("key", 1, 60_000)));
    expect(Math.max(...counts.map(({ points }) => points))).toBe(20);
    expect(node.rateCounters.rejected).toBe(0);
  });
});

describe.skipIf(withoutPgBouncer)("in transaction mode", () => {
  it("a node does not start to serve, and says what to change", async () => {
    const { url } = await bounce("transaction");
    const log: string[] = [];
    const node = closing(await openNode(url, { logger: pino({}, { write: (line) => void log.push(line) }) }));
    await expect.poll(() => node.store.trouble()).toBe("unheard");
    expect(node.directory.stale).toBe(true);
    expect(log.join("")).toContain("pooler in session mode (pool_mode = session in PgBouncer)");
    const { rows } = await query(url, "show statement_timeout");
    expect(rows, "its own settings are not handed to others").toEqual([{ statement_timeout: "0" }]);
    await bouncer?.setMode("session");
    await node.ready;
    expect(await node.store.trouble()).toBeUndefined();
    expect(node.directory.stale).toBe(false);
  });

  it("a node that ran before goes stale, and hears what it missed once the mode is right again", async () => {
    const { url, setMode } = await bounce("session");
    const near = closing(await openReadyNode(url));
    const far = closing(await openReadyNode(database.url));
    const made = await makeInstance(far, "desk");
    await caughtUp(far, near);
    await setMode("transaction");
    await expect.poll(() => near.store.trouble(), { timeout: 20_000 }).toBe("unheard");
    await far.store.deleteInstance(made.id);
    expect(near.directory.stale).toBe(true);
    await setMode("session");
    await near.news.heard(`deleted ${made.id}`);
    await expect.poll(() => near.directory.stale).toBe(false);
  });

  it("a command says so in place of doing half", async () => {
    const { url } = await bounce("transaction");
    const options = { databaseUrl: url, dataDir: "", encryptionKey: testKey, accountInstanceQuota: 0, logger: silent };
    await expect(openCommandStore(options)).rejects.toThrow("a pooler in session mode");
  });
});
