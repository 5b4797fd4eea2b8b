/** How long a failing receiver is waited for, when its webhook is disabled, and whom it does not delay. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { createPublisher } from "../../src/client/node/publisher.js";
import { openConsumer } from "../support/consumer.js";
import { query } from "../support/postgres.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";
import { hookedInstance, numberIn, publish, setHook, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer({ WEBHOOK_RETRY_SECONDS: "600" });
});
afterAll(() => server?.close());

async function delivery(instance: string, number = 1) {
  const { text } = await server.call("GET", `/api/events/webhook/${instance}/delivery?number=${number}`);
  return JSON.parse(text).delivery ?? {};
}

async function webhookOf(instance: string) {
  return JSON.parse((await server.call("GET", `/api/events/getWebhook/${instance}?label=`)).text).webhook;
}

it.each([
  ["nothing", undefined, 480, 720],
  ["50 minutes", "3000", 3_000, 3_000],
  ["less than the schedule", "5", 480, 720],
  ["more than an hour", "86400", 3_600, 3_600],
])("a receiver that asks for %s in Retry-After is tried again accordingly", async (_, value, least, most) => {
  const receiver = await startReceiver((answer) =>
    answer.writeHead(503, value === undefined ? {} : { "retry-after": value }).end(),
  );
  const name = await hookedInstance(server, receiver.origin);
  await publish(server, name, { n: 1 });
  await until(async () => (await delivery(name)).dueAt !== undefined);
  const { last, dueAt } = await delivery(name);
  const seconds = (Date.parse(dueAt) - Date.parse(last.at) - last.ms) / 1000;
  expect(seconds).toBeGreaterThanOrEqual(least - 1);
  expect(seconds).toBeLessThanOrEqual(most + 10);
});

it("a receiver that hangs up, or does not answer in time, is tried again", async () => {
  const cuts = await startReceiver((answer) => void answer.destroy());
  const hangs = await startReceiver(() => {});
  const [cut, hung] = await Promise.all([
    hookedInstance(server, cuts.origin),
    hookedInstance(server, hangs.origin, { timeoutSeconds: 1 }),
  ]);
  for (const name of [cut, hung]) await publish(server, name, { n: 1 });
  for (const [name, error] of [
    [cut, /^The connection ended before the answer \(\w+\)\.$/],
    [hung, /^The receiver did not answer within 1 s\.$/],
  ] as const) {
    await until(async () => (await delivery(name)).last !== undefined);
    expect(await delivery(name)).toMatchObject({ state: "waiting", last: { error: expect.stringMatching(error) } });
  }
});

it("a webhook whose every attempt has failed for five days is disabled: its owner, the log and the metrics say so", async () => {
  const receiver = await startReceiver((answer) => answer.writeHead(500).end());
  const name = await hookedInstance(server, receiver.origin);
  expect(await webhookOf(name)).not.toHaveProperty("disabledReason");
  await publish(server, name, { n: 1 });
  await until(async () => (await delivery(name)).last !== undefined);
  const failSince = async (days: string) => {
    await query(
      server.database.url,
      `update webhook_progress set failing_since = now() - $2::interval from webhook join instance on instance.id = instance_id
       where webhook_id = webhook.id and instance.name = $1`,
      [name, days],
    );
    const before = receiver.requests.length;
    await server.call("POST", `/api/events/webhook/${name}/retry`, { number: "1" });
    await until(() => receiver.requests.length > before);
  };
  await failSince("4 days 23:59:00");
  await until(async () => (await delivery(name)).attempts !== 1);
  expect(await webhookOf(name)).toMatchObject({ enabled: true });
  await failSince("5 days");
  await until(async () => (await webhookOf(name)).enabled === false);
  expect((await webhookOf(name)).disabledReason).toMatch(
    /^Every attempt has failed since \d{4}-\d\d-\d\dT[\d:.]+Z\. The receiver answered 500\.$/,
  );
  await until(() => server.log.some((line) => line.includes('"webhook disabled"')));
  await until(async () => (await scrape(server.server.grpcUrl, "eventwire_webhook_disabled"))[0] === 1);
});

it("a receiver that hangs delays no other webhook, no other instance and no socket", async () => {
  const hanging = await startReceiver(() => {});
  const quick = await startReceiver();
  const name = await hookedInstance(server, hanging.origin, { label: "hanging", timeoutSeconds: 30 });
  await setHook(server, name, { label: "quick", url: `${quick.origin}/same-instance` });
  const other = await hookedInstance(server, `${quick.origin}/other-instance`);
  await server.call("POST", `/api/events/websocket/${name}`, { enabled: true });
  const socket = await openConsumer(server.url, `/ws/${name}?token=${server.accountToken}`);
  await publish(server, name, { n: 0 });
  await until(() => hanging.requests.length === 1);
  for (let n = 1; n <= 20; n++) for (const instance of [name, other]) await publish(server, instance, { n });
  await socket.take(21);
  await until(() => quick.requests.length === 41);
  expect(hanging.requests.length).toBe(1);
  await setHook(server, name, { label: "hanging", enabled: false });
});

it("an ordered webhook gets the events of each producer in the order in which its connection published them", async () => {
  const receiver = await startReceiver();
  const name = await hookedInstance(server, receiver.origin);
  const url = server.server.grpcUrl;
  const publishers = [0, 1, 2].map(() => createPublisher({ url, token: server.accountToken }));
  const count = 150;
  const numbersOf = (producer: number) => Array.from({ length: count }, (_, n) => producer * count + n);
  await Promise.all(
    publishers.flatMap((publisher, producer) =>
      numbersOf(producer).map((n) => publisher.publish(name, "call.update", { n })),
    ),
  );
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await until(() => receiver.requests.length === 3 * count);
  const numbers = receiver.requests.map(({ body }) => numberIn(body));
  for (const producer of publishers.keys())
    expect(numbers.filter((n) => Math.floor(n / count) === producer)).toEqual(numbersOf(producer));
});
