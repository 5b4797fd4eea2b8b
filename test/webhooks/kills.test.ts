/** SIGKILL of the receiver, of PostgreSQL and of a node while requests are under way. Two nodes share the work. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KillablePostgres, startKillablePostgres } from "../support/killable-postgres.js";
import { type KillableReceiver, startKillableReceiver } from "../support/killable-receiver.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { query } from "../support/postgres.js";
import { type RunningServer, startServerProgram } from "../support/program.js";
import { lacks } from "../support/requirements.js";
import { createRestClient } from "../support/rest-client.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";

const token = "ta_test-of-kills";
const instances = ["red", "green", "blue"] as const;

describe.skipIf(await lacks("nats-server"))("two nodes", () => {
  const dataDir = mkdtempSync(join(tmpdir(), "eventwire-kills-"));
  const ends: (() => Promise<void>)[] = [];
  let database: KillablePostgres;
  let nats: NatsServer;
  let first: RunningServer;
  let second: RunningServer;
  let receiver: KillableReceiver;
  let n = 0;
  const answered = new Map<string, { id: string; n: number }[]>(instances.map((name) => [name, []]));

  beforeAll(async () => {
    database = await startKillablePostgres();
    nats = await startNatsServer();
    const env = {
      ...{ DATABASE_URL: database.url, NATS_URL: nats.url, DATA_DIR: dataDir, ACCOUNT_TOKEN: token },
      ...{ RATE_LIMIT_GLOBAL: "0", RATE_LIMIT_CREATE: "0", ENCRYPTION_KEY: "5".repeat(64) },
      ...{ WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8", WEBHOOK_RETRY_SECONDS: "1,1,1,1,1,1,60" },
    };
    const start = () => startServerProgram(env, (end) => ends.push(end));
    first = await start();
    second = await start();
    receiver = await startKillableReceiver((end) => ends.push(end));
    const { call } = createRestClient(first.url, token);
    for (const name of instances) {
      expect((await call("POST", "/api/instance/new", { name })).status).toBe(201);
      const webhook = { enabled: true, url: `${receiver.origin}/${name}`, timeoutSeconds: 30 };
      expect((await call("POST", `/api/events/webhook/${name}`, webhook)).status).toBe(200);
    }
    await until(async () => {
      const { status, body } = await createRestClient(second.url, token).call("GET", "/api/events/getWebhook/blue");
      return status === 200 && (body.webhooks as unknown[]).length === 1;
    });
  }, 60_000);

  afterAll(async () => {
    await Promise.all(ends.map((end) => end()));
    await nats?.close();
    await database?.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Publishes until the event is answered, as a producer does. */
  async function publish(instance: string, node: RunningServer): Promise<void> {
    const { call } = createRestClient(node.url, token);
    for (;;) {
      const data = { n: ++n };
      const answer = await call("POST", `/api/events/publish/${instance}`, { event: "call.update", data });
      if (answer.status !== 200) continue;
      answered.get(instance)?.push({ id: String(answer.body.id), ...data });
      return;
    }
  }

  const arrivalsOf = (instance: string) => receiver.arrivals.filter(({ path }) => path === `/${instance}`);

  /** Waits until every answered event has arrived, and expects the order and the ids. */
  async function allArrived(): Promise<void> {
    for (const instance of instances) {
      const wanted = answered.get(instance) ?? [];
      await until(() => {
        const ids = new Set(arrivalsOf(instance).map(({ id }) => id));
        return wanted.every(({ id }) => ids.has(id));
      });
      const ids = new Map(wanted.map((event) => [event.n, event.id]));
      const arrived = arrivalsOf(instance).filter((arrival) => ids.has(arrival.n));
      for (const arrival of arrived) expect(arrival.id).toBe(ids.get(arrival.n));
      const order = [...new Set(arrived.map((arrival) => arrival.n))];
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }
    expect(Math.max(1, ...receiver.arrivals.map(({ open }) => open)), "requests at once for one webhook").toBe(1);
  }

  /** Makes the receiver hold its answers, publishes, and waits for a request of each webhook. */
  async function hangAll(): Promise<void> {
    await allArrived();
    const before = receiver.arrivals.length;
    receiver.hold();
    for (let round = 0; round < 3; round++) {
      await publish("red", first);
      await publish("green", second);
      await publish("blue", round === 1 ? second : first);
    }
    await until(() => receiver.arrivals.length === before + instances.length);
  }

  it("share the webhooks, each of which one node works", async () => {
    await hangAll();
    const requests = await Promise.all(
      [first, second].map(async ({ grpcUrl }) => (await scrape(grpcUrl, "eventwire_webhook_requests"))[0]),
    );
    expect(requests).toEqual([2, 1]);
    receiver.release();
    await allArrived();
  });

  it("send the requests of a killed receiver again, with the same ids", async () => {
    await hangAll();
    const held = receiver.arrivals.slice(-instances.length).map(({ id }) => id);
    await receiver.kill();
    await receiver.start();
    await allArrived();
    for (const id of held) expect(receiver.arrivals.filter((arrival) => arrival.id === id).length).toBe(2);
  }, 30_000);

  it("lose nothing when PostgreSQL is killed, and an answer that comes while it is away counts", async () => {
    await hangAll();
    const held = receiver.arrivals.slice(-instances.length).map(({ id }) => id);
    database.kill();
    receiver.release();
    await database.start();
    await publish("red", second);
    await allArrived();
    for (const id of held) expect(receiver.arrivals.filter((arrival) => arrival.id === id).length).toBe(1);
  }, 60_000);

  it("take over from a killed node within 30 s, and send again what was under way there", async () => {
    await hangAll();
    const held = arrivalsOf("red").at(-1)?.id;
    const killedAt = performance.now();
    first.kill("SIGKILL");
    await first.ended;
    receiver.release();
    await publish("red", second);
    await allArrived();
    const again = arrivalsOf("red").filter(({ id }) => id === held);
    expect(again.length).toBe(2);
    expect((again[1]?.at ?? 0) - killedAt).toBeLessThan(30_000);
    await until(
      async () => (await query(database.url, "select 1 from webhook_delivery where state = 0")).rowCount === 0,
    );
  }, 60_000);
});
