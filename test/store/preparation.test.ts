import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { type Node, openNode, openReadyNode } from "../support/store.js";

let database: TestDatabase;
const nodes: Node[] = [];

async function start(options: Parameters<typeof openNode>[1] = {}): Promise<Node> {
  const node = await openNode(database.url, options);
  nodes.push(node);
  await node.ready;
  return node;
}

async function stopAll(): Promise<void> {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
}

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await stopAll();
  await database.drop();
});

describe("the first account", () => {
  it("is made once, and its token told once", async () => {
    const first = await start();
    const token = first.firstToken() as string;
    expect(first.directory.principal(token)?.kind).toBe("account");
    expect((await first.store.listAccounts()).map(({ name }) => name)).toEqual(["default"]);
    await stopAll();
    const second = await start();
    expect(second.firstToken()).toBeUndefined();
    expect(second.directory.principal(token)?.kind).toBe("account");
  });

  it("is made by one of several nodes that start at once", async () => {
    const started = await Promise.all([start(), start(), start()]);
    const tokens = started.map((node) => node.firstToken()).filter((token) => token !== undefined);
    expect(tokens).toHaveLength(1);
    const ids = started.map((node) => node.directory.principal(tokens[0] as string)?.id);
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toBeDefined();
  });

  it("is not made again when the last account was revoked", async () => {
    const first = await start();
    const [account] = await first.store.listAccounts();
    await first.store.revokeAccount(account?.id ?? "");
    await stopAll();
    expect((await start()).firstToken()).toBeUndefined();
  });
});

describe("ACCOUNT_TOKEN", () => {
  it("is the token of the first account, over restarts and for nodes that start at once", async () => {
    const options = { accountToken: "token-of-the-setting" };
    await Promise.all([start(options), start(options), start(options)]);
    await stopAll();
    const node = await start(options);
    expect(node.firstToken()).toBeUndefined();
    expect(await node.store.listAccounts()).toHaveLength(1);
    expect(node.directory.principal("token-of-the-setting")?.kind).toBe("account");
  });

  it("replaces the token of the first account, on running nodes too, and its instances stay", async () => {
    const running = await start();
    const old = running.directory.principal(running.firstToken() as string);
    await running.store.createInstance({ accountId: old?.id ?? "", name: "desk" });
    const next = await start({ accountToken: "another-token" });
    await running.news.heard(`revoked account ${old?.id}`);
    expect(old?.revoked).toBe(true);
    for (const node of [running, next]) {
      expect(node.directory.principal(running.firstToken() as string)).toBeUndefined();
      expect(node.directory.principal("another-token")?.id).toBe(old?.id);
      expect(node.directory.instance(old?.id ?? "", "desk")).toBeDefined();
    }
  });

  it("may be the token of any account", async () => {
    const first = await start();
    const { account } = await first.store.createAccount({ name: "made by hand", token: "token-by-hand" });
    const next = await start({ accountToken: "token-by-hand" });
    expect(next.directory.principal("token-by-hand")?.id).toBe(account.id);
    expect(next.directory.principal(first.firstToken() as string)?.kind).toBe("account");
  });

  it("stays revoked once it was revoked, and another one makes a new account", async () => {
    const first = await start({ accountToken: "token-of-the-setting" });
    const [account] = await first.store.listAccounts();
    await first.store.revokeAccount(account?.id ?? "");
    const second = await start({ accountToken: "token-of-the-setting" });
    expect(second.directory.principal("token-of-the-setting")).toBeUndefined();
    const third = await start({ accountToken: "a-new-token" });
    expect(third.directory.principal("a-new-token")?.id).not.toBe(account?.id);
    expect(third.directory.principal("a-new-token")).toBeDefined();
  });

  it("cannot be the token of an instance", async () => {
    const first = await start();
    const [account] = await first.store.listAccounts();
    await first.store.createInstance({ accountId: account?.id ?? "", name: "a", token: "token-of-instance" });
    await expect(start({ accountToken: "token-of-instance" })).rejects.toThrow("ACCOUNT_TOKEN");
  });
});

describe("the encryption key", () => {
  it("must be the one that the database was filled with", async () => {
    await start();
    await expect(start({ encryptionKey: randomBytes(32) })).rejects.toThrow("ENCRYPTION_KEY");
  });

  it("opens a token in its own row only", async () => {
    const node = await start();
    const [account] = await node.store.listAccounts();
    const accountId = account?.id ?? "";
    const a = await node.store.createInstance({ accountId, name: "a" });
    const b = await node.store.createInstance({ accountId, name: "b" });
    await query(
      database.url,
      `update instance set token_sealed = (select token_sealed from instance where name = 'a') where name = 'b'`,
    );
    // One damaged row does not keep the others from being served.
    const next = await openReadyNode(database.url);
    nodes.push(next);
    expect(next.directory.instanceById(a.id)?.instance.token).toBe(a.token);
    expect(next.directory.instanceById(b.id)).toBeUndefined();
    await expect(next.store.findInstance(accountId, "b")).rejects.toThrow();
  });
});

describe("the schema", () => {
  it("may have been extended by a newer release", async () => {
    await start();
    await query(
      database.url,
      `insert into kysely_migration (name, timestamp) values ('9999_from_the_future', '2099-01-01')`,
    );
    const node = await start();
    expect(await node.store.listAccounts()).toHaveLength(1);
  });
});
