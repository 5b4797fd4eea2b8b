import { beforeEach, describe, expect, it } from "vitest";
import type { DirectoryListener } from "../../src/directory/directory.js";
import { createMemoryDirectory } from "../../src/directory/memory-directory.js";
import type { AccountRecord, DirectoryReader, InstanceRecord } from "../../src/directory/synced-directory.js";
import { hashToken } from "../../src/domain/token.js";
import { silent } from "../support/store.js";

/** The rows that the directory reads. */
const accounts = new Map<string, AccountRecord>();
const instances = new Map<string, InstanceRecord>();
let reads: string[];
const reader: DirectoryReader = {
  async *readAll() {
    reads.push("all");
    const listed = [...instances.values()].filter(({ accountId }) => accounts.has(accountId));
    for (const account of accounts.values()) yield { accounts: [account], instances: [] };
    for (const instance of listed) yield { accounts: [], instances: [instance] };
  },
  open: (sealed) => Buffer.from(sealed).toString(),
  async readAccount(id) {
    reads.push(`account ${id}`);
    return accounts.get(id);
  },
  async readInstance(id) {
    reads.push(`instance ${id}`);
    return instances.get(id);
  },
};

let directory: ReturnType<typeof createMemoryDirectory>;
let news: string[];

function account(id: string, token = `token of ${id}`): void {
  accounts.set(id, { id, disconnects: 0, tokenHash: hashToken(token) });
}

type Row = Partial<Pick<InstanceRecord, "accountId" | "name" | "websocket"> & { token: string }>;

function instance(id: string, { accountId = "a", name = id, token = `token of ${id}`, websocket }: Row = {}): void {
  const hidden = { sealed: Buffer.from(token), tokenHash: hashToken(token) };
  instances.set(id, { id, accountId, name, disconnects: 0, ...hidden, websocket });
}

const listener: DirectoryListener = {
  instanceChanged: ({ instance }) => void news.push(`changed ${instance.id}`),
  instanceDeleted: (id) => void news.push(`deleted ${id}`),
  instanceCreated: (id) => void news.push(`created ${id}`),
  consumersDisconnected: ({ kind, id }) => void news.push(`disconnected ${kind} ${id}`),
  principalRevoked: ({ kind, id, revoked }) => void news.push(`revoked ${kind} ${id} ${revoked}`),
};

async function reload(): Promise<string[]> {
  news = [];
  await directory.reload(reader);
  return news;
}

async function refresh(kind: "account" | "instance", id: string): Promise<string[]> {
  news = [];
  await directory.refresh(reader, { kind, id });
  return news;
}

beforeEach(async () => {
  accounts.clear();
  instances.clear();
  reads = [];
  directory = createMemoryDirectory({ logger: silent });
  directory.listen(listener);
  account("a");
  account("b");
  instance("i1", { name: "desk" });
  instance("i2", { name: "desk", accountId: "b" });
  await reload();
});

describe("a look-up", () => {
  it("finds nothing before the first reading", () => {
    const empty = createMemoryDirectory({ logger: silent });
    expect(empty.ready).toBe(false);
    expect(empty.principal("token of a")).toBeUndefined();
    expect(directory.ready).toBe(true);
  });

  it("keeps equal names of two accounts apart", () => {
    expect(directory.instance("a", "desk")?.instance.id).toBe("i1");
    expect(directory.instance("b", "desk")?.instance.id).toBe("i2");
    expect(directory.instance("a", "Desk")).toBeUndefined();
    expect(directory.instance("c", "desk")).toBeUndefined();
  });

  it.each([
    ["token of a", "account", "a", "a"],
    ["token of i2", "instance", "i2", "b"],
  ])("says who '%s' speaks for", (token, kind, id, accountId) => {
    expect(directory.principal(token)).toMatchObject({ kind, id, accountId, revoked: false });
    expect(directory.principal(token)).toBe(directory.principal(token));
  });

  it.each(["", "token of", "token of A", "token of a ", "constructor", "x".repeat(100_000)])(
    "knows nobody by a token that is none",
    (token) => expect(directory.principal(token)).toBeUndefined(),
  );
});

describe("a reading", () => {
  it("that finds nothing new tells nothing and keeps every object", async () => {
    const before = [
      directory.instanceById("i1"),
      directory.principal("token of i1"),
      directory.principal("token of a"),
    ];
    expect(await reload()).toEqual([]);
    expect(await refresh("instance", "i1")).toEqual([]);
    expect(await refresh("account", "a")).toEqual([]);
    expect([
      directory.instanceById("i1"),
      directory.principal("token of i1"),
      directory.principal("token of a"),
    ]).toEqual(before);
    expect(directory.instanceById("i1")).toBe(before[0]);
  });

  it("tells of what is new only that it was created: nobody holds it yet", async () => {
    account("c");
    instance("i3", { accountId: "c" });
    expect(await refresh("account", "c")).toEqual([]);
    expect(await refresh("instance", "i3")).toEqual(["created i3"]);
    expect(directory.instance("c", "i3")?.instance.token).toBe("token of i3");
  });

  it.each(["all", "one"])("that finds another configuration, name or token tells it once (%s)", async (how) => {
    const read = () => (how === "all" ? reload() : refresh("instance", "i1"));
    const entry = directory.instanceById("i1");
    const websocket = { enabled: true, events: ["call.update"], mediaBase64: false, version: 1 };
    for (const change of [{}, { events: ["call.update", "call.update"] }, { version: 3 }]) {
      instance("i1", { name: "desk", websocket: { ...websocket, ...change } });
      expect(await read()).toEqual(["changed i1"]);
      expect(entry?.websocket).toEqual({ ...websocket, ...change });
    }
    instance("i1", { name: "counter" });
    expect(await read()).toEqual(["changed i1"]);
    expect(directory.instance("a", "desk")).toBeUndefined();
    expect(directory.instance("a", "counter")).toBe(entry);
    // Whoever came with a token is remembered, but not beyond its end.
    for (let i = 0; i < 2; i++) expect(directory.principal("token of i1")?.id).toBe("i1");
    instance("i1", { name: "counter", token: "next" });
    expect(await read()).toEqual(["revoked instance i1 true", "changed i1"]);
    expect(directory.principal("token of i1")).toBeUndefined();
    expect(directory.principal("next")?.id).toBe("i1");
    expect(directory.instanceById("i1")).toBe(entry);
  });

  it.each(["all", "one"])("that misses an instance tells its deletion only (%s)", async (how) => {
    const principal = directory.principal("token of i1");
    instances.delete("i1");
    expect(await (how === "all" ? reload() : refresh("instance", "i1"))).toEqual(["deleted i1"]);
    expect(principal?.revoked).toBe(true);
    expect(directory.instanceById("i1")).toBeUndefined();
    expect(await refresh("instance", "i1")).toEqual([]);
  });

  it.each(["all", "one"])("that misses an account revokes its tokens and deletes nothing (%s)", async (how) => {
    accounts.delete("a");
    expect(await (how === "all" ? reload() : refresh("account", "a"))).toEqual([
      "revoked account a true",
      "revoked instance i1 true",
    ]);
    expect(directory.instance("a", "desk")).toBeUndefined();
    expect(directory.instanceById("i1")).toBeUndefined();
    expect(directory.principal("token of i1")).toBeUndefined();
    // Later news of its instance change nothing.
    expect(await refresh("instance", "i1")).toEqual([]);
    expect(directory.instanceById("i1")).toBeUndefined();
  });

  it("of an instance whose account was revoked meanwhile leaves the end to the account's own news", async () => {
    accounts.delete("a");
    expect(await refresh("instance", "i1")).toEqual([]);
    expect(directory.instanceById("i1")).toBeDefined();
    expect(await refresh("account", "a")).toContain("revoked instance i1 true");
  });

  it("finds another token of an account, whose instances stay", async () => {
    account("a", "next");
    expect(await refresh("account", "a")).toEqual(["revoked account a true"]);
    expect(directory.principal("next")).toMatchObject({ kind: "account", id: "a" });
    expect(directory.instance("a", "desk")?.instance.id).toBe("i1");
  });

  it("gives names and tokens that were freed to their new owners", async () => {
    instances.delete("i1");
    instance("i9", { name: "desk", token: "token of i1" });
    expect(await reload()).toEqual(["created i9", "deleted i1"]);
    expect(directory.instance("a", "desk")?.instance.id).toBe("i9");
    expect(directory.principal("token of i1")?.id).toBe("i9");

    account("a", "new token of a");
    account("b", "token of a");
    expect(await reload()).toEqual(["revoked account a true", "revoked account b true"]);
    expect(directory.principal("token of a")?.id).toBe("b");
    expect(directory.principal("new token of a")?.id).toBe("a");
  });

  it("that fails changes nothing and lets the next one through", async () => {
    const broken = { ...reader, readInstance: () => Promise.reject(new Error("gone")) };
    instances.delete("i1");
    await expect(directory.refresh(broken, { kind: "instance", id: "i1" })).rejects.toThrow("gone");
    expect(directory.instanceById("i1")).toBeDefined();
    expect(await refresh("instance", "i1")).toEqual(["deleted i1"]);
  });
});

describe("readings that are asked for at the same time", () => {
  it("run one after another, and those that wait for the same are one", async () => {
    reads = [];
    await Promise.all([
      directory.refresh(reader, { kind: "instance", id: "i1" }),
      directory.refresh(reader, { kind: "instance", id: "i2" }),
      directory.refresh(reader, { kind: "instance", id: "i1" }),
      directory.reload(reader),
      directory.refresh(reader, { kind: "account", id: "a" }),
      directory.refresh(reader, { kind: "instance", id: "i2" }),
    ]);
    expect(reads).toEqual(["instance i1", "instance i2", "all", "account a"]);
  });

  it("do not join one that may have looked before the change", async () => {
    let [looked, answer] = [() => {}, () => {}];
    const looking = new Promise<void>((done) => {
      looked = done;
    });
    const answered = new Promise<void>((done) => {
      answer = done;
    });
    const slow: DirectoryReader = {
      ...reader,
      async readInstance(id) {
        const found = instances.get(id);
        looked();
        await answered;
        return found;
      },
    };
    const first = directory.refresh(slow, { kind: "instance", id: "i1" });
    await looking;
    instance("i1", { name: "desk", token: "next" });
    const second = directory.refresh(reader, { kind: "instance", id: "i1" });
    answer();
    await first;
    expect(directory.principal("token of i1")?.id).toBe("i1");
    await second;
    expect(directory.principal("next")?.id).toBe("i1");
  });
});

it("ends every token of an account with it, and tells the instances while it serves others", async () => {
  for (let i = 0; i < 20_000; i++) instance(`many ${i}`, { accountId: "b" });
  await reload();
  const held = directory.principal("token of many 19999");
  const known: boolean[] = [];
  directory.listen({
    ...listener,
    principalRevoked: () => known.push(directory.principal("token of many 1") !== undefined),
  });
  accounts.delete("b");
  let turns = 0;
  let done = false;
  const others = () => {
    turns++;
    if (!done) setImmediate(others);
  };
  setImmediate(others);
  const told = await refresh("account", "b").finally(() => {
    done = true;
  });
  expect(told).toHaveLength(20_002);
  expect(known).not.toContain(true);
  expect(held?.revoked).toBe(true);
  expect(turns).toBeGreaterThan(2);
});

it("does not let one listener keep the news from the others", async () => {
  const deaf = createMemoryDirectory({ logger: silent });
  const heard: string[] = [];
  const fail = () => {
    throw new Error("a defect");
  };
  deaf.listen(new Proxy(listener, { get: () => fail }));
  deaf.listen({ ...listener, instanceDeleted: (id) => void heard.push(id) });
  await deaf.reload(reader);
  instances.delete("i1");
  instances.delete("i2");
  await deaf.reload(reader);
  expect(heard.sort()).toEqual(["i1", "i2"]);
});
