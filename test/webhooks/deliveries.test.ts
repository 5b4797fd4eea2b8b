/** What an owner sees of deliveries, and how deliveries are mended. */

import type { ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { until } from "../support/until.js";
import { hookedInstance, numberIn, publish, setHook, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer({ WEBHOOK_RETRY_SECONDS: "600" });
});
afterAll(() => server?.close());

async function call(method: string, instance: string, what: string, body?: object) {
  const { status, text } = await server.call(method, `/api/events/webhook/${instance}/${what}`, body);
  return { status, ...JSON.parse(text) };
}
const states = async (instance: string, query = "") =>
  (await call("GET", instance, `deliveries${query}`)).deliveries.map(
    ({ number, state }: { number: string; state: string }) => `${number} ${state}`,
  );

it("lists deliveries page by page, and shows one with all its attempts", async () => {
  const receiver = await startReceiver((answer, { body }) =>
    answer.writeHead(numberIn(body) === 2 ? 422 : 200).end("no"),
  );
  const name = await hookedInstance(server, receiver.origin);
  for (let n = 1; n <= 3; n++) await publish(server, name, { n });
  await until(async () => (await states(name, "?state=waiting")).length === 0);
  expect(await states(name)).toEqual(["3 delivered", "2 dead", "1 delivered"]);
  expect(await states(name, "?state=dead")).toEqual(["2 dead"]);
  const first = await call("GET", name, "deliveries?limit=2");
  expect(first.nextCursor).toBe("2");
  expect(await states(name, "?limit=2&cursor=2")).toEqual(["1 delivered"]);
  const shown = await call("GET", name, "delivery?number=2");
  expect(shown).toMatchObject({
    delivery: { number: "2", event: "message.status", state: "dead", attempts: 1, last: { status: 422 } },
    attempts: [{ status: 422, response: "no", ms: expect.any(Number) }],
  });
  expect(await call("GET", name, "delivery?number=9")).toMatchObject({
    status: 404,
    error: { message: "Delivery not found" },
  });
  expect((await call("GET", name, "deliveries?label=other")).status).toBe(404);
  expect((await call("GET", name, "deliveries?since=yesterday")).status).toBe(400);
});

it("tries a waiting delivery at once, and a paused webhook with a test event", async () => {
  const answers = [500, 403];
  const receiver = await startReceiver((answer) => answer.writeHead(answers.shift() ?? 200).end());
  const name = await hookedInstance(server, receiver.origin);
  await publish(server, name, { n: 1 });
  await until(async () => (await call("GET", name, "delivery?number=1")).delivery?.last?.status === 500);
  expect(await call("POST", name, "retry", { number: "1" })).toMatchObject({ message: "Delivery retried" });
  await until(async () => (await call("GET", name, "delivery?number=1")).delivery?.last?.status === 403);
  const { id } = await call("POST", name, "test", {});
  await until(() => receiver.requests.length === 4);
  expect(receiver.requests[3]?.headers["webhook-id"]).toBe(id);
  expect(JSON.parse(receiver.requests[3]?.body.toString() ?? "")).toMatchObject({ data: { test: true } });
});

it("skips the head, and replays dead deliveries behind what waits", async () => {
  let failing = true;
  const receiver = await startReceiver((answer, { body }) =>
    answer.writeHead(failing && numberIn(body) === 1 ? 500 : 200).end(),
  );
  const name = await hookedInstance(server, receiver.origin);
  await publish(server, name, { n: 1 });
  await publish(server, name, { n: 2 });
  await until(() => receiver.requests.length === 1);
  expect(await call("POST", name, "skip", {})).toMatchObject({ number: "1" });
  await until(() => receiver.requests.length === 2);
  failing = false;
  expect(await call("POST", name, "replay", {})).toMatchObject({ replayed: 1 });
  await until(() => receiver.requests.length === 3);
  expect(receiver.requests.map(({ body }) => numberIn(body))).toEqual([1, 2, 1]);
  await until(async () => (await states(name, "?state=waiting")).length === 0);
  expect(await states(name)).toEqual(["3 delivered", "2 delivered"]);
  expect(await call("POST", name, "skip", {})).toMatchObject({ status: 404 });
});

it("goes on with the next delivery when the head was skipped while its request was under way", async () => {
  const held: ServerResponse[] = [];
  const receiver = await startReceiver((answer, { body }) => {
    if (numberIn(body) === 1) held.push(answer);
    else answer.writeHead(200).end();
  });
  const name = await hookedInstance(server, receiver.origin);
  await publish(server, name, { n: 1 });
  await publish(server, name, { n: 2 });
  await until(() => held.length === 1);
  expect(await call("POST", name, "skip", {})).toMatchObject({ number: "1" });
  const heard = await startReceiver();
  const other = await hookedInstance(server, heard.origin);
  await publish(server, other, { n: 3 });
  await until(() => heard.requests.length === 1);
  held[0]?.writeHead(500).end();
  await until(() => receiver.requests.length === 2);
  await until(async () => (await states(name, "?state=waiting")).length === 0);
  expect(await states(name)).toEqual(["2 delivered", "1 dead"]);
});

it("rotates the secret: for a while the receiver may verify with either", async () => {
  const receiver = await startReceiver();
  const name = await hookedInstance(server, receiver.origin);
  await setHook(server, name, { url: receiver.origin, sign: true });
  const secretOf = async () =>
    JSON.parse((await server.call("GET", `/api/events/getWebhook/${name}?label=`)).text).webhook.secret;
  const before = await secretOf();
  const { webhook } = await call("POST", name, "rotateSecret", {});
  expect(webhook.secret).not.toBe(before);
  await publish(server, name, { n: 1 });
  await until(() => receiver.requests.length === 1);
  const [request] = receiver.requests;
  for (const secret of [before, webhook.secret])
    new Webhook(secret).verify(request?.body ?? "", request?.headers as Record<string, string>);
  await call("POST", name, "rotateSecret", { graceSeconds: 0 });
  await publish(server, name, { n: 2 });
  await until(() => receiver.requests.length === 2);
  const second = receiver.requests[1];
  const verify = () =>
    new Webhook(webhook.secret).verify(second?.body ?? "", second?.headers as Record<string, string>);
  expect(verify).toThrow();
});
