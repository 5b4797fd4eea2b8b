/** A rotation of the encryption key encrypts the headers and secrets of all webhooks anew, or changes nothing. */

import { randomBytes, randomUUID } from "node:crypto";
import pg from "pg";
import { afterEach, beforeEach, expect, it, onTestFinished } from "vitest";
import { generateWebhookSecret } from "../../src/domain/webhook-secret.js";
import { createSealer } from "../../src/store/encryption/sealing.js";
import { rotateEncryptionKey } from "../../src/store/postgres/key-rotation.js";
import { sealedOwner } from "../../src/store/postgres/webhooks.js";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.js";
import { startProgram } from "../support/program.js";
import { makeInstance, openReadyNode, silent, testKey } from "../support/store.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";

const newKey = Buffer.alloc(32, 8);
/** More than a page of the rotation. */
const others = 1_100;
const asked = {
  ...{ label: "signed", enabled: true, url: "https://app.example.net/hook", authorization: "Bearer it", sign: false },
  ...{ byEvents: false, events: [], mediaBase64: false, ordered: true, timeoutSeconds: 10 },
};

let database: TestDatabase;
let instanceId: string;
/** The secrets of the webhook `signed`: the current one, and the one before, which is still valid. */
let secrets: string[];

beforeEach(async () => {
  database = await createTestDatabase();
  const node = await openReadyNode(database.url);
  ({ id: instanceId } = await makeInstance(node, "desk"));
  const before = generateWebhookSecret();
  await node.store.setWebhook(instanceId, { ...asked, secret: before });
  const rotated = await node.store.rotateSecret(instanceId, "signed", 3_600_000);
  secrets = [rotated?.secret ?? "", before];
  await node.close();
  const sealer = createSealer(testKey);
  const labels = Array.from({ length: others }, (_, n) => `label ${n}`);
  const sealed = labels.map((label) =>
    sealer.seal(`header of ${label}`, sealedOwner(instanceId, label, "authorization")),
  );
  await query(
    database.url,
    `insert into webhook (instance_id, label, enabled, url, authorization_sealed, by_events, events, media_base64, ordered, timeout_seconds)
     select $1, label, false, 'https://app.example.net/', sealed, false, '{}', false, true, 10
     from unnest($2::text[], $3::bytea[]) as t (label, sealed)`,
    [instanceId, labels, sealed],
  );
});
afterEach(() => database.drop());

const rotate = () =>
  rotateEncryptionKey({
    ...{ databaseUrl: database.url, dataDir: "", encryptionKey: testKey, newEncryptionKey: newKey },
    ...{ accountInstanceQuota: 0, logger: silent },
  });

/** All that is encrypted of webhooks, byte for byte. */
async function sealed(): Promise<Buffer[]> {
  const { rows } = await query(
    database.url,
    "select authorization_sealed as header, secret_sealed as secret, previous_secret_sealed as previous from webhook order by id",
  );
  return rows.flatMap(({ header, secret, previous }) => [header, secret, previous].filter((one) => one !== null));
}

/** Whether a node with this key reads every webhook, and would send with the same header and secrets as before. */
async function expectReadable(encryptionKey: Buffer): Promise<void> {
  const node = await openReadyNode(database.url, { encryptionKey });
  onTestFinished(() => node.close());
  const webhooks = await node.store.listWebhooks(instanceId);
  expect(webhooks.length).toBe(others + 1);
  for (const { label, authorization } of webhooks)
    expect(authorization).toBe(label === "signed" ? "Bearer it" : `header of ${label}`);
  expect((await node.store.getWebhook(instanceId, "signed"))?.secret).toBe(secrets[0]);
  const { rows } = await query(database.url, "select id::text from webhook where label = 'signed'");
  const lessee = randomUUID();
  await node.webhookQueue.beat(lessee, true);
  await query(database.url, "update webhook_queue set owner = $1", [lessee]);
  expect(await node.webhookQueue.read(lessee, [rows[0].id])).toMatchObject([{ authorization: "Bearer it", secrets }]);
}

it("leaves every header and secret readable with the new key, also the secret that is being replaced", async () => {
  const before = await sealed();
  expect(before.length).toBe(others + 3);
  expect(await rotate()).toMatchObject({ tokens: 1 });
  const after = await sealed();
  expect(after.length).toBe(before.length);
  expect(after.filter((bytes, i) => bytes.equals(before[i] as Buffer))).toEqual([]);
  await expectReadable(newKey);
});

it("changes nothing when it is killed among the webhooks, and goes on when it is repeated", async () => {
  const before = await sealed();
  const env = {
    ...{ DATABASE_URL: database.url, DATA_DIR: temporaryDirectory() },
    ...{ ENCRYPTION_KEY: testKey.toString("hex"), NEW_ENCRYPTION_KEY: newKey.toString("hex") },
  };
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  // The rotation has written the first page and waits for this row of the last one.
  await holder.query("begin; select from webhook where id = (select max(id) from webhook) for update");
  const killed = startProgram(["key", "rotate"], env);
  const waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
  await until(async () => (await query(database.url, waiting)).rowCount === 1);
  killed.kill("SIGKILL");
  expect(await killed.ended).toBe("SIGKILL");
  await holder.query("rollback");
  await holder.end();
  const open = "select from pg_stat_activity where datname = current_database() and application_name = 'eventwire'";
  await until(async () => (await query(database.url, open)).rowCount === 0);
  expect(await sealed()).toEqual(before);
  expect(await startProgram(["key", "rotate"], env).ended).toBe(0);
  await expectReadable(newKey);
});

it("changes nothing when one secret cannot be decrypted, and names its instance", async () => {
  await query(database.url, "update webhook set secret_sealed = $1 where label = 'signed'", [randomBytes(60)]);
  const before = await sealed();
  await expect(rotate()).rejects.toThrow(`A webhook of the instance ${instanceId} cannot be decrypted`);
  expect(await sealed()).toEqual(before);
});
