/** A webhook that is changed, mended or deleted while its request is under way. */

import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, expect, it } from "vitest";
import { query } from "../support/postgres.js";
import type { PublicServer } from "../support/public-server.js";
import { type Receiver, startReceiver } from "../support/receiver.js";
import { until } from "../support/until.js";
import { openWebhookQueue, sweepAll } from "../support/webhook-queue.js";
import { hookedInstance, numberIn, publish, setHook, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer({ WEBHOOK_RETRY_SECONDS: "600" });
});
afterAll(() => server?.close());

const operate = async (method: string, instance: string, what: string, body: object = {}) =>
  JSON.parse((await server.call(method, `/api/events/webhook/${instance}/${what}`, body)).text);

const listed = async (instance: string): Promise<string[]> =>
  JSON.parse((await server.call("GET", `/api/events/webhook/${instance}/deliveries`)).text).deliveries.map(
    ({ number, state }: { number: string; state: string }) => `${number} ${state}`,
  );

/** A receiver that holds the first request. `answer` ends it, and all others are answered with 204. */
async function startHolding(): Promise<Receiver & { answer(status: number): void }> {
  let held: ServerResponse | undefined;
  const receiver = await startReceiver((response) => {
    if (receiver.requests.length === 1) held = response;
    else response.writeHead(204).end();
  });
  return Object.defineProperties({} as Receiver & { answer(status: number): void }, {
    ...Object.getOwnPropertyDescriptors(receiver),
    answer: { value: (status: number) => void held?.writeHead(status).end("held") },
  });
}

/** An instance whose webhook has a request under way. */
async function underWay(webhook: object = {}) {
  const receiver = await startHolding();
  const name = await hookedInstance(server, receiver.origin, webhook);
  const { id } = await publish(server, name, { n: 1 });
  await until(() => receiver.requests.length === 1);
  return { receiver, name, id };
}

/** Resolves when the server has heard of all that the database has told until now. */
async function heard(): Promise<void> {
  const other = await startReceiver();
  const name = await hookedInstance(server, other.origin);
  await publish(server, name, { n: 0 });
  await until(() => other.requests.length === 1);
  await operate("POST", name, "test");
  await until(() => other.requests.length === 2);
}

it.each([500, 401])(
  "tries again at once when it was told to retry, and the request then ends with %i",
  async (status) => {
    const { receiver, name, id } = await underWay();
    await operate("POST", name, "retry", { number: "1" });
    await heard();
    receiver.answer(status);
    await until(() => receiver.requests.length === 2);
    expect(receiver.requests[1]?.headers["webhook-id"]).toBe(id);
    await until(async () => (await listed(name))[0] === "1 delivered");
  },
);

it("sends a test event at once although the request before it ends with a pause", async () => {
  const { receiver, name, id } = await underWay();
  const test = await operate("POST", name, "test");
  await heard();
  receiver.answer(404);
  await until(() => receiver.requests.length === 3);
  expect(receiver.requests.map(({ headers }) => headers["webhook-id"])).toEqual([id, id, test.id]);
});

it("sends to the new URL what fails at the old one, also when that answers that it is gone or refuses the event", async () => {
  for (const status of [410, 422, 500]) {
    const { receiver, name, id } = await underWay();
    const other = await startReceiver();
    await setHook(server, name, { url: other.origin });
    receiver.answer(status);
    await until(() => other.requests.length === 1);
    expect(other.requests[0]?.headers["webhook-id"]).toBe(id);
    await until(async () => (await listed(name))[0] === "1 delivered");
    const shown = JSON.parse((await server.call("GET", `/api/events/getWebhook/${name}?label=`)).text).webhook;
    expect(shown).toMatchObject({ enabled: true, url: other.origin });
  }
});

it("does not send again what the old URL has taken", async () => {
  const { receiver, name } = await underWay();
  const other = await startReceiver();
  await setHook(server, name, { url: other.origin });
  await publish(server, name, { n: 2 });
  receiver.answer(200);
  await until(() => other.requests.length === 1);
  expect(numberIn(other.requests[0]?.body as Buffer)).toBe(2);
  await until(async () => (await listed(name)).join() === "2 delivered,1 delivered");
});

it("keeps the order when it is disabled and enabled again during the request", async () => {
  const { receiver, name } = await underWay();
  await publish(server, name, { n: 2 });
  await setHook(server, name, { enabled: false });
  await setHook(server, name, { url: receiver.origin });
  await publish(server, name, { n: 3 });
  await heard();
  expect(receiver.requests.length).toBe(1);
  receiver.answer(200);
  await until(async () => {
    const states = await listed(name);
    return states.length === 3 && states.every((state) => !state.includes("waiting"));
  });
  const numbers = receiver.requests.map(({ body }) => numberIn(body));
  expect(numbers).toEqual([...new Set(numbers)].sort());
  expect(numbers.at(-1)).toBe(3);
});

it("gives up at once what waits when it is disabled, and nothing more is sent", async () => {
  const { receiver, name } = await underWay();
  await publish(server, name, { n: 2 });
  await setHook(server, name, { enabled: false });
  receiver.answer(500);
  await heard();
  await publish(server, name, { n: 3 });
  expect(receiver.requests.length).toBe(1);
});

it("puts replayed deliveries after the request under way and what waits", async () => {
  const statuses = [422, 0, 204, 204];
  const held: ServerResponse[] = [];
  const receiver = await startReceiver((response) => {
    const status = statuses.shift();
    if (status === 0) held.push(response);
    else response.writeHead(status ?? 204).end();
  });
  const name = await hookedInstance(server, receiver.origin);
  for (let n = 1; n <= 3; n++) await publish(server, name, { n });
  await until(() => held.length === 1);
  expect(await operate("POST", name, "replay")).toMatchObject({ replayed: 1 });
  await heard();
  held[0]?.writeHead(204).end();
  await until(() => receiver.requests.length === 4);
  expect(receiver.requests.map(({ body }) => numberIn(body))).toEqual([1, 2, 3, 1]);
});

it("loses its deliveries and their events when its instance is deleted, and nothing more is sent", async () => {
  const { receiver, name } = await underWay();
  for (let n = 2; n <= 20; n++) await publish(server, name, { n });
  const [{ id }] = (await query(server.database.url, "select id from instance where name = $1", [name])).rows;
  const deleted = await server.call("DELETE", `/api/instance/delete/${name}`);
  expect(deleted.status, deleted.text).toBe(200);
  receiver.answer(500);
  await heard();
  expect(receiver.requests.length).toBe(1);
  const counts = async () =>
    (
      await query(
        server.database.url,
        `select (select count(*)::int from webhook_event where instance_id = $1) as events,
          (select count(*)::int from webhook_queue where not exists (
            select from webhook where webhook.id = webhook_id)) as queues`,
        [id],
      )
    ).rows[0];
  expect((await counts()).events).toBe(20);
  await sweepAll(openWebhookQueue(server.database.url));
  expect(await counts()).toEqual({ events: 0, queues: 0 });
});
