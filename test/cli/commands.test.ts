import { Command } from "commander";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addAccountCommands } from "../../src/cli/account-commands.js";
import { addInstanceCommands } from "../../src/cli/instance-commands.js";
import { openCommandStore } from "../../src/store/open-store.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { type Node, openReadyNode, silent, testKey } from "../support/store.js";

let database: TestDatabase;
/** A running service on the same database. */
let node: Node;

beforeAll(async () => {
  database = await createTestDatabase();
  node = await openReadyNode(database.url);
});
afterAll(async () => {
  await node?.close();
  await database?.drop();
});

/** The lines that a command prints. Fails where it would end with an error. */
async function run(...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  const program = new Command("eventwire").exitOverride().configureOutput({ writeErr: () => {} });
  const line = {
    open: () =>
      openCommandStore({
        databaseUrl: database.url,
        dataDir: "",
        encryptionKey: testKey,
        accountInstanceQuota: 0,
        logger: silent,
      }),
    print: (text: string) => void lines.push(text),
    instanceTokenMinLength: () => 8,
  };
  addAccountCommands(program, line);
  addInstanceCommands(program, line);
  for (const command of program.commands.flatMap(({ commands }) => commands)) {
    command.exitOverride().configureOutput({ writeErr: () => {} });
  }
  await program.parseAsync(args, { from: "user" });
  return lines;
}

async function runJson(...args: string[]) {
  return JSON.parse((await run(...args, "--json")).join("\n"));
}

it("looks after accounts and instances that a running service then knows", async () => {
  const account = await runJson("account", "create", "shop", "--token", "token-of-the-shop");
  expect(account).toEqual({ id: expect.any(String), name: "shop", token: "token-of-the-shop" });
  const made = await runJson("instance", "create", "desk", "--account", "shop");
  expect(made).toEqual({ id: expect.any(String), accountId: account.id, name: "desk", token: expect.any(String) });
  const rotated = await runJson("instance", "rotate", "desk", "--account", account.id);
  expect(rotated).toEqual({ ...made, token: expect.not.stringContaining(made.token) });
  expect(await runJson("instance", "list", "--account", "shop")).toEqual([
    { ...rotated, status: "disconnected", websocket: null },
  ]);

  // News of one database come in order: who hears this one has heard the ones before.
  await node.news.heard("changed desk");
  expect(node.directory.principal("token-of-the-shop")).toMatchObject({ kind: "account", id: account.id });
  expect(node.directory.principal(rotated.token)).toMatchObject({ kind: "instance", id: made.id });

  expect(await runJson("instance", "delete", "desk", "--account", "shop")).toMatchObject({ deleted: true });
  await node.news.heard(`deleted ${made.id}`);
  expect(await runJson("account", "revoke", "shop")).toMatchObject({ id: account.id, revoked: true });
  await node.news.heard(`revoked account ${account.id}`);
  expect(node.directory.principal("token-of-the-shop")).toBeUndefined();
});

it("prints a table for people, without tokens", async () => {
  const [name, id, token] = await run("instance", "create", "counter");
  expect(name).toBe("instance  counter");
  expect(id).toMatch(/^id {8}[0-9a-f-]{36}$/);
  expect(token).toMatch(/^token {5}ti_[\w-]{43}$/);
  const listed = await run("instance", "list");
  expect(listed[0]).toMatch(/^ID +NAME +STATUS +CHANNEL$/);
  expect(listed[1]).toMatch(/^[0-9a-f-]{36} +counter +disconnected +not configured$/);
  expect((await run("account", "list"))[0]).toMatch(/^ID +NAME +CREATED +REVOKED$/);
});

it.each([
  [["instance", "create", "counter"], "Instance already exists"],
  [["instance", "create", "a/b"], "1 to 100 characters"],
  [["instance", "create", " a"], "1 to 100 characters"],
  [["instance", "create", ".."], "1 to 100 characters"],
  [["instance", "create", "a", "--token", "with space"], "8 to 128 visible ASCII characters"],
  [["instance", "create", "a", "--token", "short"], "8 to 128 visible ASCII characters"],
  [["account", "create", "a", "--token", "short"], "8 to 128 visible ASCII characters"],
  [["instance", "rotate", "nobody"], "There is no instance nobody."],
  [["instance", "disconnect", "nobody"], "There is no instance nobody."],
  [["account", "disconnect", "nobody"], "There is no account nobody."],
  [["instance", "delete", "nobody"], "There is no instance nobody."],
  [["instance", "list", "--account", "nobody"], "There is no account nobody."],
  [["account", "revoke", "nobody"], "There is no account nobody."],
])("ends with a sentence: %j", async (args, sentence) => {
  await expect(run(...args)).rejects.toThrow(sentence);
});

it("does not guess between accounts", async () => {
  await run("account", "create", "second");
  await expect(run("instance", "list")).rejects.toThrow("There are several accounts");
});

it("replaces tokens at once, or with a time that the old ones still work", async () => {
  const account = await runJson("account", "create", "rotating");
  const made = await runJson("instance", "create", "rotated", "--account", account.id);
  const fresh = await runJson("account", "rotate", account.id, "--grace", "10m");
  expect(fresh).toEqual({ id: account.id, name: "rotating", isDefault: false, token: expect.stringMatching(/^ta_/) });
  const lines = await run("instance", "rotate", "rotated", "--account", account.id, "--grace", "1h");
  expect(lines.at(-1)).toMatch(/^until {4}\d{4}-.*Z the old token works too$/);
  await node.news.heard("changed rotated");
  for (const token of [account.token, made.token, fresh.token]) expect(node.directory.principal(token)).toBeDefined();
  const last = await runJson("account", "rotate", account.id);
  await node.news.heard(`revoked account ${account.id}`);
  for (const token of [account.token, fresh.token]) expect(node.directory.principal(token)).toBeUndefined();
  expect(node.directory.principal(last.token)).toMatchObject({ kind: "account", id: account.id });
});

it("disconnects consumers, and says how many nodes hear of it", async () => {
  const account = await runJson("account", "create", "crowded");
  const made = await runJson("instance", "create", "crowded-desk", "--account", account.id);
  expect(await runJson("instance", "disconnect", "crowded-desk", "--account", account.id)).toEqual({
    ...{ id: made.id, name: "crowded-desk" },
    ...{ disconnected: true, nodes: 1 },
  });
  await node.news.heard(`disconnected instance ${made.id}`);
  expect(await run("account", "disconnect", "crowded")).toEqual([
    `disconnected  crowded (${account.id})`,
    "nodes         1 follows the database and closes the connections now",
    "              a node that is cut off from the database does so when it is back",
  ]);
  await node.news.heard(`disconnected account ${account.id}`);
  // Their tokens still work.
  for (const token of [account.token, made.token]) expect(node.directory.principal(token)).toBeDefined();
});

it("says of the default account where its token may come from", async () => {
  const [{ id }] = (await runJson("account", "list")) as [{ id: string }];
  const lines = await run("account", "rotate", id);
  expect(lines.at(-1)).toContain("ACCOUNT_TOKEN");
});

it.each(["10", "m", "-1s", "8d", "1w", "1.5h", ""])("refuses the time %j", async (grace) => {
  await expect(run("account", "rotate", "any", "--grace", grace)).rejects.toThrow("such as 10m, and at most 7d");
});
