import { randomBytes, randomUUID } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { pino } from "pino";
import { afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import { createSealer } from "../../src/store/encryption/sealing.js";
import { rotateEncryptionKey } from "../../src/store/postgres/key-rotation.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { startProgram } from "../support/program.js";
import { openReadyNode, silent, testKey } from "../support/store.js";
import { temporaryDirectory } from "../support/temporary.js";

const newKey = Buffer.alloc(32, 8);
/** More than a page of the rotation. */
const instances = 1_500;

let database: TestDatabase;
let accountId: string;

/** A database that a node with `testKey` has used, full of instances. */
beforeEach(async () => {
  database = await createTestDatabase();
  const node = await openReadyNode(database.url);
  accountId = (await node.store.listAccounts())[0]?.id ?? "";
  await node.close();
  const sealer = createSealer(testKey);
  const ids = Array.from({ length: instances }, () => randomUUID());
  await query(
    database.url,
    "insert into instance (id, account_id, name, token_sealed) select id, $1, id::text, sealed from unnest($2::uuid[], $3::bytea[]) as t (id, sealed)",
    [accountId, ids, ids.map((id) => sealer.seal(`token of ${id}`, id))],
  );
  await query(
    database.url,
    "insert into token (hash, account_id, instance_id) select sha256(('token of ' || id)::bytea), $1, id from instance",
    [accountId],
  );
});
afterEach(() => database.drop());

function rotate(options: Partial<Parameters<typeof rotateEncryptionKey>[0]> = {}) {
  return rotateEncryptionKey({
    databaseUrl: database.url,
    dataDir: "",
    encryptionKey: testKey,
    newEncryptionKey: newKey,
    accountInstanceQuota: 0,
    logger: silent,
    ...options,
  });
}

/** Everything that is sealed, byte for byte. */
async function sealed(): Promise<unknown[]> {
  const all =
    "select id::text, token_sealed as sealed from instance union all select 'check', sealed from key_check order by 1";
  return (await query(database.url, all)).rows;
}

/** Whether a node starts with this key and knows every instance. */
async function serves(encryptionKey: Buffer): Promise<boolean> {
  const node = await openReadyNode(database.url, { encryptionKey });
  onTestFinished(() => node.close());
  const listed = await node.store.listInstances(accountId);
  return listed.length === instances && listed.every(({ instance: { name, token } }) => token === `token of ${name}`);
}

it("leaves every token readable with the new key, and none with the old one", async () => {
  const before = new Map((await sealed()).map((row) => Object.values(row as object) as [string, Buffer]));
  expect(await rotate()).toEqual({ tokens: instances, keyFile: undefined });
  for (const row of await sealed()) {
    const [id, bytes] = Object.values(row as object) as [string, Buffer];
    expect(before.get(id)?.equals(bytes)).toBe(false);
  }
  expect(await serves(newKey)).toBe(true);
  await expect(serves(testKey)).rejects.toThrow("encrypted with another key");
});

it("says so when the new key is in force already", async () => {
  await rotate();
  const after = await sealed();
  expect(await rotate()).toEqual({ tokens: undefined, keyFile: undefined });
  expect(await sealed()).toEqual(after);
});

it("makes a database that was never used one of the new key", async () => {
  const empty = await createTestDatabase();
  onTestFinished(empty.drop);
  expect(await rotate({ databaseUrl: empty.url })).toMatchObject({ tokens: 0 });
  const node = await openReadyNode(empty.url, { encryptionKey: newKey });
  await node.close();
});

it.each([
  ["the current key is another one", { encryptionKey: Buffer.alloc(32, 9) }, "encrypted with another key"],
  ["only the current key is given", { newEncryptionKey: undefined }, "NEW_ENCRYPTION_KEY must be set"],
])("changes nothing when %s", async (_, options, sentence) => {
  const before = await sealed();
  await expect(rotate(options)).rejects.toThrow(sentence);
  expect(await sealed()).toEqual(before);
});

it("changes nothing while a node is connected", async () => {
  const node = await openReadyNode(database.url);
  const before = await sealed();
  await expect(rotate()).rejects.toThrow("One node is connected to the database: stop every node first.");
  expect(await sealed()).toEqual(before);
  await node.close();
  expect(await rotate()).toMatchObject({ tokens: instances });
});

it("leaves a node that could not reach the database with what it has, and lets it write nothing", async () => {
  const proxy = await startDatabaseProxy(database.url);
  onTestFinished(proxy.close);
  const log: string[] = [];
  const node = await openReadyNode(proxy.url, { logger: pino({}, { write: (line) => void log.push(line) }) });
  onTestFinished(() => node.close());
  await proxy.cut();
  const connected =
    "select from pg_stat_activity where datname = current_database() and application_name like 'eventwire%'";
  await expect.poll(async () => (await query(database.url, connected)).rowCount, { timeout: 20_000 }).toBe(0);
  await rotate();
  await proxy.heal();
  await expect.poll(() => log.join(""), { timeout: 20_000 }).toContain("the encryption key was rotated");
  expect(await node.store.trouble()).toBe("unheard");

  const { rows } = await query(database.url, "select id::text from instance limit 1");
  await expect(node.store.createInstance({ accountId, name: "another" })).rejects.toThrow("key was rotated");
  await expect(node.store.rotateInstanceToken(rows[0].id)).rejects.toThrow("key was rotated");
  const websocket = { enabled: true, events: [], mediaBase64: false };
  await expect(node.store.setWebsocket(rows[0].id, websocket)).rejects.toThrow("key was rotated");
  expect(node.directory.instanceById(rows[0].id)).toBeDefined();
  expect(node.news.all).not.toContainEqual(expect.stringMatching(/^deleted/));
});

it("changes nothing when one token cannot be decrypted, and names its instance", async () => {
  const { rows } = await query(database.url, "select id from instance order by id desc limit 1");
  await query(database.url, "update instance set token_sealed = $2 where id = $1", [rows[0].id, randomBytes(60)]);
  const before = await sealed();
  await expect(rotate()).rejects.toThrow(`The token of the instance ${rows[0].id} cannot be decrypted`);
  expect(await sealed()).toEqual(before);
});

it("changes nothing when it is killed in the middle, and can be repeated", async () => {
  const before = await sealed();
  const env = {
    DATABASE_URL: database.url,
    DATA_DIR: temporaryDirectory(),
    ENCRYPTION_KEY: testKey.toString("hex"),
    NEW_ENCRYPTION_KEY: newKey.toString("hex"),
  };
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  // It has written the first page and waits for this row of the last one.
  await holder.query(
    "begin; select from instance where id = (select id from instance order by id desc limit 1) for update",
  );
  const killed = startProgram(["key", "rotate"], env);
  const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  await expect.poll(async () => (await query(database.url, waiting)).rowCount, { timeout: 20_000 }).toBe(1);
  killed.kill("SIGKILL");
  expect(await killed.ended).toBe("SIGKILL");
  await holder.query("rollback");
  await holder.end();
  const open = "select from pg_stat_activity where datname = current_database() and application_name = 'eventwire'";
  await expect.poll(async () => (await query(database.url, open)).rowCount, { timeout: 20_000 }).toBe(0);
  expect(await sealed()).toEqual(before);

  const repeated = startProgram(["key", "rotate"], env);
  expect(await repeated.ended).toBe(0);
  expect(repeated.stdout).toBe(
    `Instance tokens encrypted anew: ${instances}.\nSet ENCRYPTION_KEY to the new key for every node, then start them.\nBackups that were made before need the old key.\n`,
  );
  expect(`${repeated.stdout}${repeated.stderr}`).not.toContain(env.NEW_ENCRYPTION_KEY);
  expect(await serves(newKey)).toBe(true);
});

it("replaces the key file, and keeps the one before", async () => {
  const dataDir = temporaryDirectory();
  const file = join(dataDir, "encryption.key");
  writeFileSync(file, `${testKey.toString("hex")}\n`, { mode: 0o600 });
  const options = { dataDir, encryptionKey: undefined, newEncryptionKey: undefined };
  expect(await rotate(options)).toEqual({ tokens: instances, keyFile: file });
  expect(readdirSync(dataDir).sort()).toEqual(["encryption.key", "encryption.key.old"]);
  expect(readFileSync(`${file}.old`, "utf8").trim()).toBe(testKey.toString("hex"));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await serves(Buffer.from(readFileSync(file, "utf8").trim(), "hex"))).toBe(true);
});

it("completes a rotation of the key file that was killed behind its commit", async () => {
  await rotate();
  const dataDir = temporaryDirectory();
  const file = join(dataDir, "encryption.key");
  writeFileSync(file, `${testKey.toString("hex")}\n`, { mode: 0o600 });
  writeFileSync(`${file}.new`, `${newKey.toString("hex")}\n`, { mode: 0o600 });
  const options = { dataDir, encryptionKey: undefined, newEncryptionKey: undefined };
  expect(await rotate(options)).toEqual({ tokens: undefined, keyFile: file });
  expect(readdirSync(dataDir).sort()).toEqual(["encryption.key", "encryption.key.old"]);
  expect(readFileSync(file, "utf8").trim()).toBe(newKey.toString("hex"));
});

it("that is refused leaves no key of its own, and keeps one that may be in force", async () => {
  const dataDir = temporaryDirectory();
  const file = join(dataDir, "encryption.key");
  const options = { dataDir, encryptionKey: undefined, newEncryptionKey: undefined };
  await expect(rotate(options)).rejects.toThrow("There is no key to rotate");
  expect(readdirSync(dataDir)).toEqual([]);
  writeFileSync(file, `${"3".repeat(64)}\n`, { mode: 0o600 });
  await expect(rotate(options)).rejects.toThrow("were encrypted with another key");
  expect(readdirSync(dataDir)).toEqual(["encryption.key"]);
  writeFileSync(`${file}.new`, `${"4".repeat(64)}\n`, { mode: 0o600 });
  await expect(rotate(options)).rejects.toThrow("were encrypted with another key");
  expect(readdirSync(dataDir).sort()).toEqual(["encryption.key", "encryption.key.new"]);
});
