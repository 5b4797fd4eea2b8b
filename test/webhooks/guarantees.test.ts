/** What is stored, for how long, and what is never done: the sentences about the queue that hold without any failure. */

import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { query } from "../support/postgres.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";
import { openWebhookQueue, sweepAll } from "../support/webhook-queue.js";
import { hookedInstance, publish, setHook, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer({ WEBHOOK_RETRY_SECONDS: "600", WEBHOOK_DISABLE_AFTER_HOURS: "120" });
});
afterAll(() => server?.close());

const rows = async (statement: string, values: unknown[] = []) =>
  (await query(server.database.url, statement, values)).rows;
const mend = (instance: string, what: string, body: object = {}) =>
  server.call("POST", `/api/events/webhook/${instance}/${what}`, body);
const ofInstance = `webhook_id in (
  select webhook.id from webhook join instance on instance.id = instance_id where instance.name = $1)`;
const statesOf = async (instance: string) =>
  (await rows(`select state from webhook_delivery where ${ofInstance} order by number`, [instance])).map(
    ({ state }) => state,
  );

it("answers after the event and its deliveries are committed", async () => {
  const receiver = await startReceiver((answer) => answer.writeHead(500).end());
  const name = await hookedInstance(server, receiver.origin);
  await setHook(server, name, { label: "second", url: receiver.origin });
  for (let n = 1; n <= 10; n++) {
    const { id } = await publish(server, name, { n });
    const stored = await rows(
      `select data::text, (select count(*)::int from webhook_delivery where event_id = webhook_event.id) as deliveries
        from webhook_event where id = $1`,
      [id],
    );
    expect(stored).toEqual([{ data: `\\x${Buffer.from(`{"n":${n}}`).toString("hex")}`, deliveries: 2 }]);
  }
});

it("runs no statement for the events of an instance without a webhook that takes them", async () => {
  await server.createInstance("plain", "ti_plain-token");
  const receiver = await startReceiver();
  const filtered = await hookedInstance(server, receiver.origin, { events: ["call.update"] });
  const statements: string[] = [];
  const real = pg.Client.prototype.query;
  const spy = vi.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...args: unknown[]) {
    const [first] = args as [string | { text?: string }];
    statements.push(typeof first === "string" ? first : (first?.text ?? ""));
    return Reflect.apply(real, this, args);
  });
  try {
    const began = performance.now();
    for (let n = 1; n <= 100; n++) {
      await publish(server, "plain", { n });
      await publish(server, filtered, { n });
    }
    const seconds = (performance.now() - began) / 1000;
    expect(statements.filter((text) => /insert into (webhook_event|webhook_delivery)/.test(text))).toEqual([]);
    // The node proves that it lives, looks for work and counts, whatever is published.
    expect(statements.length).toBeLessThan(20 + 15 * seconds);
    await publish(server, filtered, { n: 1 }, "call.update");
    expect(statements.filter((text) => text.includes("insert into webhook_event")).length).toBe(1);
  } finally {
    spy.mockRestore();
  }
});

it("stores the events of a batch in one transaction", async () => {
  const receiver = await startReceiver((answer) => answer.writeHead(500).end());
  const name = await hookedInstance(server, receiver.origin);
  await Promise.all(Array.from({ length: 50 }, (_, n) => publish(server, name, { n })));
  const stored = await rows(
    `select count(*)::int as events, count(distinct xmin::text)::int as transactions from webhook_event
      where instance_id = (select id from instance where name = $1)`,
    [name],
  );
  expect(stored[0].events).toBe(50);
  expect(stored[0].transactions).toBeLessThan(50);
});

it("stores media once for all webhooks, as raw bytes, and as text where its base64 is not canonical", async () => {
  const receiver = await startReceiver((answer) => answer.writeHead(500).end());
  const name = await hookedInstance(server, receiver.origin, { mediaBase64: true });
  await setHook(server, name, { label: "second", url: receiver.origin, mediaBase64: true });
  const media = randomBytes(30_000);
  const base64 = media.toString("base64");
  const { id } = await publish(server, name, { message: { media: { base64 } } }, "message.exchange");
  const odd = `${base64.slice(0, -4)}\n${base64.slice(-4)}`;
  const { id: oddId } = await publish(server, name, { message: { media: { base64: odd } } }, "message.exchange");
  const stored = await rows("select id::text, media, length(data) as length from webhook_event where id = any($1)", [
    [id, oddId],
  ]);
  const byId = new Map(stored.map((row) => [row.id, row]));
  expect(stored.length).toBe(2);
  expect(byId.get(id).media.equals(media)).toBe(true);
  expect(byId.get(id).length).toBeLessThan(100);
  expect(byId.get(oddId).media).toBeNull();
  expect(byId.get(oddId).length).toBeGreaterThan(40_000);
  await until(() => receiver.requests.length >= 2);
  expect(JSON.parse(receiver.requests[0]?.body.toString() ?? "").data.message.media.base64).toBe(base64);
});

it("deletes the payload of a finished delivery at once, and of a dead one after WEBHOOK_RETENTION_DAYS", async () => {
  const receiver = await startReceiver((answer) => answer.writeHead(receiver.requests.length === 1 ? 422 : 204).end());
  const name = await hookedInstance(server, receiver.origin);
  const dead = await publish(server, name, { n: 1 });
  const delivered = await publish(server, name, { n: 2 });
  await until(async () => (await statesOf(name)).join() === "2,1");
  const payloads = async () =>
    (await rows("select id::text from webhook_event where id = any($1)", [[dead.id, delivered.id]])).map(
      ({ id }) => id,
    );
  expect(await payloads()).toEqual([dead.id]);
  const age = (days: number) =>
    rows(`update webhook_delivery set ended_at = now() - $2 * interval '1 day' where ${ofInstance}`, [name, days]);
  const queue = openWebhookQueue(server.database.url);
  await age(6.9);
  await sweepAll(queue);
  expect(await payloads()).toEqual([dead.id]);
  await age(7.1);
  await sweepAll(queue);
  expect(await payloads()).toEqual([]);
  expect(await statesOf(name)).toEqual([1]);
});

it("disables a webhook that has failed for five days, with a reason for its owner, a log line and a count", async () => {
  const statuses = [500, 500, 204, 500];
  const receiver = await startReceiver((answer) => answer.writeHead(statuses.shift() ?? 500).end());
  const name = await hookedInstance(server, receiver.origin, { label: "old" });
  const failing = async () =>
    (await rows(`select failing_since from webhook_progress where ${ofInstance}`, [name]))[0].failing_since as Date;
  const since = (days: number) =>
    rows(`update webhook_progress set failing_since = now() - $2 * interval '1 day' where ${ofInstance}`, [name, days]);
  const shown = async () =>
    JSON.parse((await server.call("GET", `/api/events/getWebhook/${name}?label=old`)).text).webhook;

  await publish(server, name, { n: 1 });
  await until(async () => (await failing()) !== null);
  await since(4.9);
  await mend(name, "retry", { label: "old", number: "1" });
  await until(() => receiver.requests.length === 2);
  await mend(name, "retry", { label: "old", number: "1" });
  // A success begins anew.
  await until(async () => (await failing()) === null);
  expect((await shown()).enabled).toBe(true);
  expect(await shown()).not.toHaveProperty("disabledReason");

  await publish(server, name, { n: 2 });
  await until(async () => (await failing()) !== null);
  await since(5.1);
  await mend(name, "retry", { label: "old", number: "2" });
  await until(async () => (await shown()).enabled === false);
  expect((await shown()).disabledReason).toMatch(
    /^Every attempt has failed since \d{4}-\d\d-\d\dT[\d:.]+Z\. The receiver answered 500\.$/,
  );
  const line = () => server.log.find((text) => text.includes("webhook disabled"));
  await until(() => line() !== undefined);
  expect(JSON.parse(line() ?? "{}")).toMatchObject({ level: 50, label: "old", reason: (await shown()).disabledReason });
  await until(async () => (await scrape(server.server.grpcUrl, "eventwire_webhook_disabled"))[0] === 1);
  await sweepAll(openWebhookQueue(server.database.url));
  expect(await statesOf(name)).toEqual([1, 2]);
}, 30_000);

it("lists each attempt, also those that paused the webhook, and deliveries by label and time", async () => {
  const statuses = [401, 403, 404, 503];
  const receiver = await startReceiver((answer) => answer.writeHead(statuses.shift() ?? 204).end("told"));
  const name = await hookedInstance(server, receiver.origin, { label: "paused" });
  await publish(server, name, { n: 1 });
  for (let tried = 1; tried <= 4; tried++) {
    const attempts = `select 1 from webhook_attempt where ${ofInstance}`;
    await until(async () => (await rows(attempts, [name])).length === tried);
    await mend(name, "retry", { label: "paused", number: "1" });
  }
  await until(async () => (await statesOf(name))[0] === 1);
  const get = async (what: string) =>
    JSON.parse((await server.call("GET", `/api/events/webhook/${name}/${what}`)).text);
  const { attempts } = await get("delivery?label=paused&number=1");
  expect(attempts.map(({ status, response }: { status: number; response?: string }) => [status, response])).toEqual([
    ...[401, 403, 404, 503].map((status) => [status, "told"]),
    [204, undefined],
  ]);
  const { acceptedAt } = (await get("deliveries?label=paused")).deliveries[0];
  expect((await get(`deliveries?label=paused&since=${acceptedAt}`)).deliveries.length).toBe(1);
  const later = new Date(Date.parse(acceptedAt) + 1).toISOString();
  expect((await get(`deliveries?label=paused&since=${later}`)).deliveries).toEqual([]);
});

it("counts attempts by outcome and their time, what waits and for how long, and what is dead", async () => {
  const text = await (await fetch(`${server.server.grpcUrl}/metrics`)).text();
  for (const cause of ["delivered", "status_5xx"])
    expect(text).toMatch(new RegExp(`^eventwire_webhook_attempts_total\\{.*"${cause}".*\\} [1-9]`, "m"));
  expect(text).toMatch(/^eventwire_webhook_attempt_duration_seconds_bucket\{.*le="\+Inf".*\} [1-9]/m);
  const names = ["waiting", "waiting_bytes", "oldest_age_seconds", "dead"].map((name) => `eventwire_webhook_${name}`);
  await until(async () => (await scrape(server.server.grpcUrl, ...names)).every((value) => value > 0));
}, 15_000);
