import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppError } from "../../src/domain/errors.js";
import type { ReportedState } from "../../src/store/store.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { type Node, openReadyNode } from "../support/store.js";

let database: TestDatabase;
let node: Node;
let accountId: string;
const unknownId = "00000000-0000-4000-8000-000000000000";

beforeAll(async () => {
  database = await createTestDatabase();
  node = await openReadyNode(database.url);
});
afterAll(async () => {
  await node?.close();
  await database?.drop();
});

let accountCount = 0;
async function newAccount(): Promise<string> {
  return (await node.store.createAccount({ name: `account ${++accountCount}` })).account.id;
}

function refusal(reason: string) {
  return expect.toSatisfy((error: unknown) => error instanceof AppError && error.reason === reason, reason);
}

describe("accounts", () => {
  it("generates a token that is known at once", async () => {
    const { account, token } = await node.store.createAccount({ name: "shop" });
    expect(token).toMatch(/^ta_[\w-]{43}$/);
    expect(node.directory.principal(token)).toMatchObject({ kind: "account", id: account.id, revoked: false });
    expect(account).toMatchObject({ name: "shop", revokedAt: undefined });
    expect(account.createdAt).toBeInstanceOf(Date);
  });

  it("takes a token that is given", async () => {
    const { account } = await node.store.createAccount({ name: "given", token: "my own token" });
    expect(node.directory.principal("my own token")?.id).toBe(account.id);
  });

  it("keeps no token in clear", async () => {
    const { account, token } = await node.store.createAccount({ name: "secret" });
    const instance = await node.store.createInstance({ accountId: account.id, name: "a" });
    const { rows } = await query(
      database.url,
      `select concat(encode(hash, 'escape'), encode(i.token_sealed, 'escape')) as kept
       from token left join instance i on i.id = token.instance_id where token.account_id = $1`,
      [account.id],
    );
    expect(rows).toHaveLength(2);
    expect(JSON.stringify(rows)).not.toContain(token.slice(3));
    expect(JSON.stringify(rows)).not.toContain(instance.token.slice(3));
  });

  it("lists them oldest first, revoked ones included", async () => {
    const before = (await node.store.listAccounts()).length;
    const first = await newAccount();
    const second = await newAccount();
    await node.store.revokeAccount(first);
    const listed = (await node.store.listAccounts()).slice(before);
    expect(listed.map(({ id }) => id)).toEqual([first, second]);
    expect(listed.map(({ revokedAt }) => revokedAt !== undefined)).toEqual([true, false]);
  });

  it("ends every token of a revoked account", async () => {
    const { account, token } = await node.store.createAccount({ name: "gone" });
    const instance = await node.store.createInstance({ accountId: account.id, name: "a" });
    const principals = [node.directory.principal(token), node.directory.principal(instance.token)];

    expect(await node.store.revokeAccount(account.id)).toBe(true);

    expect(node.directory.principal(token)).toBeUndefined();
    expect(node.directory.principal(instance.token)).toBeUndefined();
    expect(node.directory.instance(account.id, "a")).toBeUndefined();
    expect(principals.map((principal) => principal?.revoked)).toEqual([true, true]);
    expect(node.news.revoked).toEqual(expect.arrayContaining(principals));
    expect(node.news.all).not.toContain(`deleted ${instance.id}`);
    expect(await node.store.revokeAccount(account.id)).toBe(false);
  });

  it.each([unknownId, "nonsense", ""])("has nothing to revoke under the id '%s'", async (id) => {
    expect(await node.store.revokeAccount(id)).toBe(false);
  });

  it("makes no instance for a revoked account", async () => {
    const id = await newAccount();
    await node.store.revokeAccount(id);
    await expect(node.store.createInstance({ accountId: id, name: "a" })).rejects.toEqual(refusal("INVALID_TOKEN"));
  });
});

describe("tokens", () => {
  it.each([
    ["account", "account"],
    ["account", "instance"],
    ["instance", "account"],
    ["instance", "instance"],
  ])("of an %s cannot be the token of another %s", async (first, second) => {
    const accountId = await newAccount();
    const token = `${first} before ${second}`;
    const create = (kind: string, name: string): Promise<unknown> =>
      kind === "account"
        ? node.store.createAccount({ name, token })
        : node.store.createInstance({ accountId, name, token });
    await create(first, "first");
    const owner = node.directory.principal(token);
    await expect(create(second, "second")).rejects.toEqual(refusal("TOKEN_IN_USE"));
    expect(node.directory.principal(token)).toBe(owner);
    expect(await node.store.findInstance(accountId, "second")).toBeUndefined();
  });

  it("of a deleted instance may be used again", async () => {
    const accountId = await newAccount();
    const { id } = await node.store.createInstance({ accountId, name: "a", token: "again" });
    await node.store.deleteInstance(id);
    const { id: next } = await node.store.createInstance({ accountId, name: "b", token: "again" });
    expect(node.directory.principal("again")?.id).toBe(next);
  });
});

describe("instances", () => {
  beforeAll(async () => {
    accountId = await newAccount();
  });

  it("are found by account and name, with their token in clear", async () => {
    const created = await node.store.createInstance({ accountId, name: "desk-1" });
    expect(created.token).toMatch(/^ti_[\w-]{43}$/);
    expect(await node.store.findInstance(accountId, "desk-1")).toEqual(created);
    expect(node.directory.instance(accountId, "desk-1")?.instance).toEqual(created);
    expect(node.directory.instanceById(created.id)).toBe(node.directory.instance(accountId, "desk-1"));
    expect(node.directory.principal(created.token)).toMatchObject({ kind: "instance", id: created.id, accountId });
  });

  it.each(["Desk-1", "desk-1 ", "desk-1\0", "\ud800", ""])("are not found under the name %j", async (name) => {
    expect(await node.store.findInstance(accountId, name)).toBeUndefined();
    expect(await node.store.listInstances(accountId, { names: [name] })).toEqual([]);
  });

  it("have names that are unique in their account only", async () => {
    const other = await newAccount();
    const mine = await node.store.createInstance({ accountId, name: "equal" });
    const theirs = await node.store.createInstance({ accountId: other, name: "equal" });
    await expect(node.store.createInstance({ accountId, name: "equal" })).rejects.toEqual(refusal("INSTANCE_EXISTS"));
    expect(node.directory.instance(accountId, "equal")?.instance.id).toBe(mine.id);
    expect(node.directory.instance(other, "equal")?.instance.id).toBe(theirs.id);
    await node.store.deleteInstance(mine.id);
    expect((await node.store.findInstance(other, "equal"))?.id).toBe(theirs.id);
    expect(node.directory.instance(other, "equal")?.instance.id).toBe(theirs.id);
  });

  it("are made once when many ask at the same time", async () => {
    const made = await Promise.allSettled(
      Array.from({ length: 8 }, () => node.store.createInstance({ accountId, name: "race" })),
    );
    expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const one of made) if (one.status === "rejected") expect(one.reason).toEqual(refusal("INSTANCE_EXISTS"));
  });

  it("are listed oldest first, filtered by names or id", async () => {
    const account = await newAccount();
    const ids: string[] = [];
    for (const name of ["c", "a", "b"]) ids.push((await node.store.createInstance({ accountId: account, name })).id);
    await node.store.setWebsocket(ids[1] as string, { enabled: true, events: ["call.update"], mediaBase64: true });
    const names = async (only?: { names?: string[]; id?: string }) =>
      (await node.store.listInstances(account, only)).map(({ instance }) => instance.name);
    expect(await names()).toEqual(["c", "a", "b"]);
    expect(await names({ names: ["b", "c", "unknown"] })).toEqual(["c", "b"]);
    expect(await names({ id: ids[1] as string })).toEqual(["a"]);
    expect(await names({ id: "nonsense" })).toEqual([]);
    expect(await names({ names: [] })).toEqual([]);
    const [listed] = await node.store.listInstances(account, { names: ["a"] });
    expect(listed).toMatchObject({
      status: "disconnected",
      websocket: { enabled: true, events: ["call.update"], mediaBase64: true },
    });
    expect((await node.store.listInstances(account, { names: ["c"] }))[0]?.websocket).toBeUndefined();
  });

  it("are gone with their token and configuration when deleted", async () => {
    const { id, token } = await node.store.createInstance({ accountId, name: "short-lived" });
    await node.store.setWebsocket(id, { enabled: true, events: [], mediaBase64: false });
    const principal = node.directory.principal(token);

    expect(await node.store.deleteInstance(id)).toBe(true);

    expect(await node.store.getWebsocket(id)).toBeUndefined();
    expect(await node.store.findInstance(accountId, "short-lived")).toBeUndefined();
    expect(node.directory.instance(accountId, "short-lived")).toBeUndefined();
    expect(node.directory.instanceById(id)).toBeUndefined();
    expect(node.directory.principal(token)).toBeUndefined();
    expect(principal?.revoked).toBe(true);
    expect(node.news.all.filter((news) => news === `deleted ${id}`)).toHaveLength(1);
    expect(node.news.all).not.toContain(`revoked instance ${id}`);
    expect(await node.store.deleteInstance(id)).toBe(false);
    expect(await node.store.deleteInstance("nonsense")).toBe(false);
  });

  it("get a new token that replaces the old one", async () => {
    const { id, token } = await node.store.createInstance({ accountId, name: "rotated" });
    const entry = node.directory.instance(accountId, "rotated");
    const old = node.directory.principal(token);

    const next = await node.store.rotateInstanceToken(id);

    expect(next).not.toBe(token);
    expect(node.directory.principal(token)).toBeUndefined();
    expect(old?.revoked).toBe(true);
    expect(node.news.revoked).toContain(old);
    expect(node.directory.principal(next as string)).toMatchObject({ id, revoked: false });
    expect(node.directory.instance(accountId, "rotated")).toBe(entry);
    expect(entry?.instance.token).toBe(next);
    expect(node.news.all.filter((news) => news === "changed rotated")).toHaveLength(1);
    expect((await node.store.findInstance(accountId, "rotated"))?.token).toBe(next);
    expect(await node.store.rotateInstanceToken(unknownId)).toBeUndefined();
  });

  it("keep the last state that was recorded, unknown ids skipped", async () => {
    const { id } = await node.store.createInstance({ accountId, name: "state" });
    const states = (...told: [string, ReportedState][]) => node.store.setStates(new Map(told));
    const jid = "5521970001122@s.whatsapp.net";
    await states([id, { status: "qr_ready" }], [unknownId, { status: "connected" }]);
    await states([id, { status: "connected", numberJid: jid }], ["nonsense", { status: "x" }]);
    await states([id, { status: "not storable \0", numberJid: "\ud800" }]);
    await states([id, {}]);
    await states();
    expect((await node.store.listInstances(accountId, { id }))[0]).toMatchObject({
      status: "connected",
      numberJid: jid,
    });
    await states([id, { status: "logged_out" }]);
    expect((await node.store.listInstances(accountId, { id }))[0]).toMatchObject({
      status: "logged_out",
      numberJid: jid,
    });
  });
});

describe("the quota", () => {
  it("holds when many instances are made at the same time", async () => {
    const limited = await openReadyNode(database.url, { accountInstanceQuota: 3 });
    try {
      const accountId = await newAccount();
      const made = await Promise.allSettled(
        Array.from({ length: 9 }, (_, i) => limited.store.createInstance({ accountId, name: `${i}` })),
      );
      expect(made.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
      for (const one of made) if (one.status === "rejected") expect(one.reason).toEqual(refusal("QUOTA_EXCEEDED"));
      const [listed] = await limited.store.listInstances(accountId);
      await limited.store.deleteInstance(listed?.instance.id ?? "");
      await limited.store.createInstance({ accountId, name: "in the free place" });
    } finally {
      await limited.close();
    }
  });
});

describe("websockets", () => {
  it("are replaced as a whole and in force at once", async () => {
    const { id } = await node.store.createInstance({ accountId, name: "channel" });
    const entry = node.directory.instanceById(id);
    expect(await node.store.getWebsocket(id)).toBeUndefined();
    expect(entry?.websocket).toBeUndefined();
    const wide = {
      enabled: true,
      events: ["label.update", "call.update", "label.update"],
      mediaBase64: true,
    } as const;
    expect(await node.store.setWebsocket(id, wide)).toEqual(wide);
    expect(entry?.websocket).toEqual({ ...wide, version: 1 });
    const narrow = { enabled: false, events: [], mediaBase64: false } as const;
    expect(await node.store.setWebsocket(id, narrow)).toEqual(narrow);
    expect(await node.store.getWebsocket(id)).toEqual(narrow);
    expect(entry?.websocket).toEqual({ ...narrow, version: 2 });
    expect(node.directory.instanceById(id)).toBe(entry);
    expect(node.news.all.filter((news) => news === "changed channel")).toHaveLength(2);
  });

  it.each([unknownId, "nonsense"])("cannot be set for an instance that is gone: %s", async (id) => {
    const websocket = { enabled: true, events: [], mediaBase64: false };
    await expect(node.store.setWebsocket(id, websocket)).rejects.toEqual(refusal("INSTANCE_NOT_FOUND"));
    expect(await node.store.getWebsocket(id)).toBeUndefined();
  });
});

it("has no trouble while the database answers", async () => {
  expect(await node.store.trouble()).toBeUndefined();
});
