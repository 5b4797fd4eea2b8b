/** How long a failing receiver is waited for, whom it does not delay, and the order in which events come. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { createPublisher } from "../../src/client/node/publisher.js";
import { openConsumer } from "../support/consumer.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
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
