/** Several nodes that do the same things to one database at the same time. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../src/domain/errors.js";
import { hashToken } from "../../src/domain/token.js";
import { openCommandStore } from "../../src/store/open-store.js";
import { migrations } from "../../src/store/postgres/migrations.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { Random } from "../support/random.js";
import { caughtUp, type Node, openNode, openReadyNode, silent, testKey } from "../support/store.js";

let database: TestDatabase;
let nodes: Node[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  nodes = [];
  await database.drop();
});

describe("nodes and commands that start at once on an empty database", () => {
  it.each([1, 2, 3, 4, 5])("leave one schema and one account, every time: %s", async () => {
    const command = openCommandStore({
      databaseUrl: database.url,
      dataDir: "/nowhere",
      encryptionKey: testKey,
      accountInstanceQuota: 0,
      logger: silent,
    });
    nodes = await Promise.all([openNode(database.url), openNode(database.url), openNode(database.url)]);
    await Promise.all(nodes.map(({ ready }) => ready));
    const store = await command;
    const accounts = await store.listAccounts();
    await store.close();
    const { rows } = await query(database.url, "select name from kysely_migration order by name");
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(migrations));
    expect((await query(database.url, "select 1 from key_check")).rowCount).toBe(1);
    expect(accounts).toHaveLength(1);
    const tokens = nodes.flatMap((node) => node.firstToken() ?? []);
    expect(tokens).toHaveLength(1);
    for (const node of nodes) expect(node.directory.principal(tokens[0] ?? "")?.id).toBe(accounts[0]?.id);
  });
});

/** What a node may be asked for: few of each, so that its choices collide. */
interface Known {
  readonly accountIds: string[];
  readonly names: readonly string[];
  readonly tokens: Set<string>;
  readonly ids: Set<string>;
}

const given = ["given-token-1", "given-token-2", "given-token-3"];
const events = [[], ["call.update"], ["label.update", "message.status"]] as const;

async function changeSomething(node: Node, known: Known, random: Random): Promise<void> {
  const { store } = node;
  const accountId = random.pick(known.accountIds);
  const name = random.pick(known.names);
  const dice = random.below(100);
  if (dice < 2) {
    await store.revokeAccount(accountId);
    const { account, token } = await store.createAccount({ name: "another" });
    known.accountIds.push(account.id);
    known.tokens.add(token);
    return;
  }
  const found = await store.findInstance(accountId, name);
  if (found === undefined || dice < 25) {
    const token = dice % 2 === 0 ? random.pick(given) : undefined;
    const made = await store.createInstance({ accountId, name, token });
    known.ids.add(made.id);
    known.tokens.add(made.token);
  } else if (dice < 45) await store.deleteInstance(found.id);
  else if (dice < 60) known.tokens.add((await store.rotateInstanceToken(found.id)) ?? "");
  else
    await store.setWebsocket(found.id, {
      enabled: dice % 3 > 0,
      events: random.pick(events),
      mediaBase64: dice % 2 > 0,
    });
}

const refusals = ["INSTANCE_EXISTS", "TOKEN_IN_USE", "INSTANCE_NOT_FOUND", "INVALID_TOKEN"];

async function changeMuch(node: Node, known: Known, random: Random): Promise<void> {
  for (let change = 0; change < 60; change++) {
    try {
      await changeSomething(node, known, random);
    } catch (error) {
      if (!(error instanceof AppError) || !refusals.includes(error.reason)) throw error;
    }
  }
}

/** Everything that can be asked of a directory. */
function dumpOf({ directory }: Node, { accountIds, names, ids, tokens }: Known) {
  const instances = accountIds.flatMap((accountId) =>
    names.flatMap((name) => {
      const entry = directory.instance(accountId, name);
      if (entry === undefined) return [];
      const { id, token } = entry.instance;
      expect(directory.instanceById(id)).toBe(entry);
      const { enabled = null, events = null, mediaBase64 = null } = entry.websocket ?? {};
      return [{ accountId, name, id, hash: hashToken(token).toString("hex"), enabled, events, mediaBase64 }];
    }),
  );
  const byId = [...ids].filter((id) => directory.instanceById(id) !== undefined).sort();
  const owners = [...tokens].flatMap((token) => {
    const principal = directory.principal(token);
    return principal === undefined
      ? []
      : [{ hash: hashToken(token).toString("hex"), id: principal.id, accountId: principal.accountId }];
  });
  return { instances: sorted(instances), byId, owners: sorted(owners) };
}

/** The same, straight out of the tables. */
async function dumpOfDatabase() {
  const { rows: instances } = await query(
    database.url,
    `select account_id as "accountId", instance.name, instance.id, encode(hash, 'hex') as hash,
            enabled, events, media_base64 as "mediaBase64"
     from instance join account on account.id = account_id join token using (account_id)
     left join websocket on websocket.instance_id = instance.id
     where revoked_at is null and token.instance_id = instance.id`,
  );
  const { rows: owners } = await query(
    database.url,
    `select encode(hash, 'hex') as hash, coalesce(instance_id, account_id) as id, account_id as "accountId"
     from token join account on account.id = account_id where revoked_at is null`,
  );
  return { instances: sorted(instances), byId: instances.map(({ id }) => id).sort(), owners: sorted(owners) };
}

function sorted<T extends { hash: string }>(rows: T[]): T[] {
  return rows.sort((a, b) => (a.hash < b.hash ? -1 : 1));
}

describe("two nodes that create, edit, rotate, revoke and delete the same things", () => {
  it.each([1, 2, 3])(
    "know what the database has in the end, as a third one that only listens does: seed %s",
    async (seed) => {
      const token = "token-of-everybody";
      nodes = [await openReadyNode(database.url, { accountToken: token })];
      nodes.push(await openReadyNode(database.url), await openReadyNode(database.url));
      const [a, b, listener] = nodes as [Node, Node, Node];
      const [first] = await a.store.listAccounts();
      const second = await b.store.createAccount({ name: "second" });
      const known: Known = {
        accountIds: [first?.id ?? "", second.account.id],
        names: ["desk-1", "desk-2", "desk-3"],
        tokens: new Set([token, second.token, ...given]),
        ids: new Set(),
      };
      await Promise.all(
        Array.from({ length: 8 }, (_, worker) =>
          changeMuch(worker % 2 === 0 ? a : b, known, new Random(seed * 100 + worker)),
        ),
      );
      for (const node of [b, listener]) await caughtUp(a, node);
      for (const node of [a, listener]) await caughtUp(b, node);

      const { rows } = await query(
        database.url,
        "select id from instance where name not in ('desk-1', 'desk-2', 'desk-3')",
      );
      expect(rows.length).toBe(4);
      await query(database.url, "delete from account where name like 'account of %'");
      const kept = await dumpOfDatabase();
      expect(kept.instances.length).toBeGreaterThan(0);
      expect(kept.byId.every((id) => known.ids.has(id))).toBe(true);
      for (const node of nodes) expect(dumpOf(node, known)).toEqual(kept);
    },
  );
});
