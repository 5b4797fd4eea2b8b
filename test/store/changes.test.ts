import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clusterUser, openCluster } from "../../src/store/embedded/cluster.js";
import { startPostmaster, stopPostmaster } from "../../src/store/embedded/postmaster.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { freePort } from "../support/free-port.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { anyWebsocket, caughtUp, makeInstance, openNode, openReadyNode } from "../support/store.js";

let database: TestDatabase;
const opened: { close(): Promise<void> }[] = [];

/** Closed behind the test, last opened first. */
function closing<T extends { close(): Promise<void> }>(thing: T): T {
  opened.push(thing);
  return thing;
}

async function closeAll(): Promise<void> {
  for (let thing = opened.pop(); thing !== undefined; thing = opened.pop()) await thing.close();
}

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await closeAll();
  await database.drop();
});

describe("between two nodes", () => {
  it("every change of one is heard by the other", async () => {
    const a = closing(await openReadyNode(database.url));
    const b = closing(await openReadyNode(database.url));
    const made = await makeInstance(a, "desk");
    await a.store.setWebsocket(made.id, { enabled: true, events: ["call.update"], mediaBase64: true });
    await caughtUp(a, b);
    expect(b.directory.instance(made.accountId, "desk")).toMatchObject({
      instance: { id: made.id, token: made.token },
      websocket: { enabled: true, events: ["call.update"], mediaBase64: true },
    });
    const entry = b.directory.instanceById(made.id);

    await b.store.rotateInstanceToken(made.id);
    await a.news.heard(`revoked instance ${made.id}`);
    expect(a.directory.principal(made.token)).toBeUndefined();
    expect(b.directory.instanceById(made.id)).toBe(entry);

    await a.store.deleteInstance(made.id);
    await b.news.heard(`deleted ${made.id}`);
    expect(b.directory.instance(made.accountId, "desk")).toBeUndefined();

    await a.store.revokeAccount(made.accountId);
    await b.news.heard(`revoked account ${made.accountId}`);
    expect(b.directory.principal(made.accountToken)).toBeUndefined();
  });

  it("many changes at the same time leave both with what the database has", async () => {
    const a = closing(await openReadyNode(database.url));
    const b = closing(await openReadyNode(database.url));
    const { id } = await makeInstance(a, "contested");
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        (i % 2 === 0 ? a : b).store.setWebsocket(id, { ...anyWebsocket, mediaBase64: i % 3 === 0 }),
      ),
    );
    await a.store.setWebsocket(id, { ...anyWebsocket, events: ["label.update"] });
    await caughtUp(a, b);
    await caughtUp(b, a);
    const kept = { ...anyWebsocket, events: ["label.update"] };
    expect(await b.store.getWebsocket(id)).toEqual(kept);
    expect(a.directory.instanceById(id)?.websocket).toMatchObject(kept);
    expect(b.directory.instanceById(id)?.websocket).toMatchObject(kept);
  });
});

describe("a node whose listening connection is cut", () => {
  it("reads everything anew and tells what has changed meanwhile", async () => {
    const node = closing(await openReadyNode(database.url));
    const gone = await makeInstance(node, "gone");
    const edited = await makeInstance(node, "edited");
    const same = await makeInstance(node, "same");
    const revoked = await makeInstance(node, "revoked");
    const kicked = await makeInstance(node, "kicked");
    await node.store.setWebsocket(edited.id, anyWebsocket);
    const entry = node.directory.instanceById(same.id);
    const before = node.news.all.length;

    // Straight into the tables, so that no notification tells.
    await query(database.url, `delete from instance where id = '${gone.id}'`);
    await query(database.url, `update websocket set media_base64 = true where instance_id = '${edited.id}'`);
    await query(database.url, `update account set revoked_at = now() where id = '${revoked.accountId}'`);
    await query(database.url, `update instance set disconnects = disconnects + 1 where id = '${kicked.id}'`);
    await query(database.url, `update account set disconnects = disconnects + 1 where id = '${kicked.accountId}'`);
    await cutListeners(database.url);

    const due = [
      `disconnected instance ${kicked.id}`,
      `disconnected account ${kicked.accountId}`,
      `deleted ${gone.id}`,
      "changed edited",
      `revoked account ${revoked.accountId}`,
      `revoked instance ${revoked.id}`,
    ];
    // In no promised order: a deletion is known when the last page has been read.
    for (const one of due) await node.news.heard(one);
    expect(new Set(node.news.all.slice(before))).toEqual(new Set(due));
    expect(node.directory.instanceById(same.id)).toBe(entry);
    expect(node.directory.instanceById(edited.id)?.websocket?.mediaBase64).toBe(true);
    expect(node.directory.principal(revoked.accountToken)).toBeUndefined();
  });

  it("answers no write before it knows it", async () => {
    const node = closing(await openReadyNode(database.url));
    const { id } = await makeInstance(node, "desk");
    for (let write = 0; write < 20; write++) {
      const websocket = { ...anyWebsocket, mediaBase64: write % 2 === 0 };
      const cut = cutListeners(database.url);
      await node.store.setWebsocket(id, websocket);
      expect(node.directory.instanceById(id)?.websocket).toMatchObject(websocket);
      await cut;
      await caughtUp(node, node);
    }
  });

  it("hears of changes again afterwards", async () => {
    const node = closing(await openReadyNode(database.url));
    const other = closing(await openReadyNode(database.url));
    await cutListeners(database.url);
    await caughtUp(other, node);
    const made = await makeInstance(other, "later");
    await caughtUp(other, node);
    expect(node.directory.instance(made.accountId, "later")?.instance.token).toBe(made.token);
  });
});

describe("a connection that answers and does not hear", () => {
  it("is replaced by one that hears, and what was missed is read", async () => {
    const proxy = closing(await startDatabaseProxy(database.url));
    const near = closing(await openReadyNode(proxy.url));
    const far = closing(await openReadyNode(database.url));
    const made = await makeInstance(far, "desk");
    await caughtUp(far, near);
    proxy.deafen();
    await far.store.deleteInstance(made.id);
    await expect.poll(() => near.store.trouble(), { timeout: 20_000 }).toBe("unheard");
    expect(near.directory.stale).toBe(true);
    expect(near.directory.instanceById(made.id)).toBeDefined();

    proxy.deafen(false);
    await near.news.heard(`deleted ${made.id}`);
    await expect.poll(() => near.directory.stale).toBe(false);
    expect(await near.store.trouble()).toBeUndefined();
  });

  it("is not trusted again because the database goes away meanwhile", async () => {
    const proxy = closing(await startDatabaseProxy(database.url));
    const near = closing(await openReadyNode(proxy.url));
    proxy.deafen();
    await expect.poll(() => near.directory.stale, { timeout: 20_000 }).toBe(true);
    await proxy.cut();
    expect(await near.store.trouble()).toBe("unheard");
    expect(near.directory.stale).toBe(true);
    proxy.deafen(false);
    await proxy.heal();
    await expect.poll(() => near.directory.stale, { timeout: 20_000 }).toBe(false);
  });
});

async function cutListeners(url: string): Promise<void> {
  const { rowCount } = await query(
    url,
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'eventwire changes' and datname = current_database()`,
  );
  expect(rowCount).toBeGreaterThan(0);
}

describe("a database that is not there", () => {
  it("at the start is waited for", async () => {
    const proxy = closing(await startDatabaseProxy(database.url));
    await proxy.cut();
    const node = closing(await openNode(proxy.url));
    expect(node.directory.ready).toBe(false);
    await expect.poll(() => node.store.trouble()).toBe("unreachable");
    await expect(node.store.listAccounts()).rejects.toThrow();
    await proxy.heal();
    await node.ready;
    expect(node.directory.ready).toBe(true);
    expect(await node.store.trouble()).toBeUndefined();
    expect(node.directory.principal(node.firstToken() as string)?.kind).toBe("account");
  });

  it("for a while is found again, without a restart", async () => {
    const proxy = closing(await startDatabaseProxy(database.url));
    const near = closing(await openReadyNode(proxy.url));
    const far = closing(await openReadyNode(database.url));
    const made = await makeInstance(far, "desk");
    await far.store.setWebsocket(made.id, anyWebsocket);
    await caughtUp(far, near);

    await proxy.cut();
    expect(await near.store.trouble()).toBe("unreachable");
    await expect(near.store.findInstance(made.accountId, "desk")).rejects.toThrow();
    expect(near.directory.instance(made.accountId, "desk")?.instance.id).toBe(made.id);
    await far.store.rotateInstanceToken(made.id);

    await proxy.heal();
    await near.news.heard(`revoked instance ${made.id}`);
    expect(await near.store.trouble()).toBeUndefined();
    expect((await near.store.findInstance(made.accountId, "desk"))?.id).toBe(made.id);
  });

  it("is noticed when it falls silent", async () => {
    const proxy = closing(await startDatabaseProxy(database.url));
    const node = closing(await openReadyNode(proxy.url));
    proxy.silence();
    expect(await node.store.trouble()).toBe("unreachable");
  });

  it("or is being prepared by another node is told apart", async () => {
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    closing({ close: () => holder.end() });
    // The lock that kysely's Migrator takes.
    await holder.query("select pg_advisory_lock(3853314791062309107)");
    const node = closing(await openNode(database.url));
    expect(await node.store.trouble()).toBe("starting");
    await holder.query("select pg_advisory_unlock(3853314791062309107)");
    await node.ready;
    expect(await node.store.trouble()).toBeUndefined();
  });

  it("is used again after it was stopped and started", async () => {
    const directory = mkdtempSync(join(tmpdir(), "eventwire-test-"));
    closing({ close: async () => rmSync(directory, { recursive: true, force: true }) });
    const cluster = await openCluster(directory);
    const port = await freePort();
    const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"];
    let { pid } = await startPostmaster(cluster, port, settings);
    closing({ close: () => stopPostmaster(pid) });
    const node = closing(
      await openReadyNode(`postgres://${clusterUser}:${cluster.password}@127.0.0.1:${port}/postgres`),
    );
    const made = await makeInstance(node, "desk");

    await stopPostmaster(pid);
    expect(await node.store.trouble()).toBe("unreachable");
    await expect(node.store.setWebsocket(made.id, anyWebsocket)).rejects.toThrow();
    expect(node.directory.principal(made.token)?.id).toBe(made.id);

    ({ pid } = await startPostmaster(cluster, port, settings));
    expect(await node.store.trouble()).toBeUndefined();
    expect(await node.store.setWebsocket(made.id, anyWebsocket)).toEqual(anyWebsocket);
    await node.store.deleteInstance(made.id);
    expect(node.directory.instanceById(made.id)).toBeUndefined();
  });
});
