/** The health says when a database answers and takes no writes. */

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type KillablePostgres, startKillablePostgres } from "../support/killable-postgres.js";
import { createTestDatabase, query } from "../support/postgres.js";
import { lacks } from "../support/requirements.js";
import { makeInstance, type Node, openReadyNode } from "../support/store.js";

async function open(url: string): Promise<Node> {
  const node = await openReadyNode(url);
  onTestFinished(() => node.close());
  return node;
}

/** The limit is the test's own: a try comes when the health is asked, five seconds after the last at the earliest. */
const soon = { timeout: 30_000, interval: 200 };

const withoutTmpfs = await lacks("tmpfs");

describe("a database that is read-only", () => {
  it("is told, without a write of a client, and forgotten when it is over", async () => {
    const database = await createTestDatabase();
    onTestFinished(database.drop);
    const node = await open(database.url);
    expect(await node.store.trouble()).toBeUndefined();
    const name = new URL(database.url).pathname.slice(1);
    await query(database.url, `alter database ${name} set default_transaction_read_only = on`);
    await expect.poll(() => node.store.trouble(), soon).toBe("read_only");
    await query(database.url, `begin read write; alter database ${name} reset default_transaction_read_only; commit`);
    await expect.poll(() => node.store.trouble(), soon).toBeUndefined();
  });

  it("is told at once by a write that failed", async () => {
    const database = await createTestDatabase();
    onTestFinished(database.drop);
    const node = await open(database.url);
    expect(await node.store.trouble()).toBeUndefined();
    await query(
      database.url,
      "create function refuse() returns trigger language plpgsql as $$ begin raise sqlstate '58030'; end $$",
    );
    await query(database.url, "create trigger refuse before insert on account execute function refuse()");
    await expect(node.store.createAccount({ name: "refused" })).rejects.toThrow();
    await query(database.url, "create trigger refuse before insert on write_probe execute function refuse()");
    await expect.poll(() => node.store.trouble(), soon).toBe("unwritable");
    await query(database.url, "drop function refuse cascade");
    await expect.poll(() => node.store.trouble(), soon).toBeUndefined();
  });

  it("is not made of a write that was refused for its own sake", async () => {
    const database = await createTestDatabase();
    onTestFinished(database.drop);
    const node = await open(database.url);
    const { accountId } = await makeInstance(node, "desk");
    await expect(node.store.createInstance({ accountId, name: "desk" })).rejects.toThrow();
    expect(await node.store.trouble()).toBeUndefined();
  });
});

describe("a server", () => {
  let server: KillablePostgres;
  beforeAll(async () => {
    server = await startKillablePostgres(["max_connections=25"]);
  });
  afterAll(() => server.close());

  it("without a free connection is told, and forgotten when there is one", async () => {
    const node = await open(server.url);
    expect(await node.store.trouble()).toBeUndefined();
    const taken: pg.Client[] = [];
    for (;;) {
      const client = new pg.Client({ connectionString: server.url });
      client.on("error", () => {});
      if (
        !(await client.connect().then(
          () => true,
          () => false,
        ))
      )
        break;
      taken.push(client);
    }
    expect(taken.length).toBeGreaterThan(5);
    await expect.poll(() => node.store.trouble(), soon).toBe("no_connections");
    await Promise.all(taken.map((client) => client.end()));
    await expect.poll(() => node.store.trouble(), soon).toBeUndefined();
  });

  it.skipIf(withoutTmpfs)(
    "whose disk is full is told while writes fail, and forgotten when there is room",
    async () => {
      const disk = mkdtempSync(join(tmpdir(), "eventwire-disk-"));
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk]);
      try {
        chownSync(disk, server.owner.uid, server.owner.gid);
        await query(server.url, `create tablespace small location '${disk}'`);
        await query(server.url, "create database small tablespace small");
        const node = await openReadyNode(Object.assign(new URL(server.url), { pathname: "/small" }).href);
        const { accountId } = await makeInstance(node, "desk");
        expect(await node.store.trouble()).toBeUndefined();

        const room = join(disk, "full");
        const { bavail, bsize } = statfsSync(disk);
        writeFileSync(room, Buffer.alloc(bavail * bsize));
        const create = () => node.store.createInstance({ accountId, name: randomBytes(40).toString("hex") });
        const outcomes = await Promise.allSettled(Array.from({ length: 150 }, create));
        expect(outcomes.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
        expect(await node.store.trouble()).toBe("full");
        await node.store.listAccounts();
        expect(await node.store.trouble()).toBe("full");

        rmSync(room);
        await expect.poll(() => node.store.trouble(), soon).toBeUndefined();
        await create();
        await node.close();
        await query(server.url, "drop database small with (force)");
        await query(server.url, "drop tablespace small");
      } finally {
        execFileSync("umount", ["--lazy", disk]);
        rmdirSync(disk);
      }
    },
  );
});
