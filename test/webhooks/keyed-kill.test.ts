/**
 * A node is killed at any moment of publishing events with a key for a webhook. An event that a call says was published is
 * stored, and no event is stored twice.
 */

import { expect, it } from "vitest";
import { freePort } from "../support/free-port.js";
import { createTestDatabase, query } from "../support/postgres.js";
import { startServerProgram } from "../support/program.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";

const token = "ta_test-of-keyed-kills";
const kills = 3;
const eventsPerKill = 60;

interface Told {
  readonly status: number;
  readonly id?: string;
}

it("stores each event for the webhook once or not at all, and each event that was answered", {
  timeout: 120_000,
}, async () => {
  const database = await createTestDatabase();
  const [PORT, GRPC_PORT] = [String(await freePort()), String(await freePort())];
  const env = {
    ...{ PORT, GRPC_PORT, DATABASE_URL: database.url, ACCOUNT_TOKEN: token, DATA_DIR: temporaryDirectory() },
    ...{ RATE_LIMIT_GLOBAL: "0", WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8", ENCRYPTION_KEY: "5".repeat(64) },
  };
  let node = await startServerProgram(env);
  const client = createRestClient(node.url, token);
  await client.call("POST", "/api/instance/new", { name: "desk" });
  // Nobody listens there, so the events stay in the queue.
  const webhook = { enabled: true, url: `http://127.0.0.1:${await freePort()}/` };
  expect((await client.call("POST", "/api/events/webhook/desk", webhook)).status).toBe(200);

  async function publish(n: number): Promise<Told> {
    const response = await fetch(`${node.url}/api/events/publish/desk`, {
      method: "POST",
      headers: { token, "content-type": "application/json", "idempotency-key": `event-${n}` },
      body: `{"event":"call.update","data":{"n":${n}}}`,
    });
    return { status: response.status, ...((await response.json()) as { id?: string }) };
  }

  const answered = new Map<number, string>();
  let unknown = 0;

  async function publishAgain(n: number): Promise<void> {
    let last: Told = { status: 503 };
    await until(async () => {
      last = await publish(n);
      return last.status !== 503 && last.status !== 500;
    });
    if (last.status === 409) {
      unknown++;
      expect(answered.has(n)).toBe(false);
      return;
    }
    expect(last).toMatchObject({ status: 200, id: answered.get(n) ?? expect.any(String) });
    answered.set(n, last.id as string);
  }

  for (let round = 0; round < kills; round++) {
    const numbers = Array.from({ length: eventsPerKill }, (_, i) => round * eventsPerKill + i);
    let told = 0;
    const calls = numbers.map(async (n) => {
      const { id } = await publish(n).catch((): Told => ({ status: 0 }));
      told++;
      if (id !== undefined) answered.set(n, id);
    });
    await until(() => told > 0);
    node.kill("SIGKILL");
    await Promise.all(calls);
    await node.ended;
    node = await startServerProgram(env);
    await Promise.all(numbers.map(publishAgain));
  }

  const { rows } = await query(database.url, "select id, convert_from(data, 'UTF8') as data from webhook_event");
  const stored = new Map<number, string[]>();
  for (const { id, data } of rows as { id: string; data: string }[]) {
    const { n } = JSON.parse(data) as { n: number };
    stored.set(n, [...(stored.get(n) ?? []), id]);
  }
  for (const [n, id] of answered) expect(stored.get(n), `event ${n}`).toEqual([id]);
  for (const [n, ids] of stored) expect(ids, `event ${n}`).toHaveLength(1);
  expect(answered.size + unknown).toBe(kills * eventsPerKill);
  await node.kill("SIGTERM");
  await node.ended;
  await database.drop();
});
