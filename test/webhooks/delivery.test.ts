/** What a webhook gets, in which order, and what becomes of it when its receiver fails. */

import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/postgres.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { until } from "../support/until.js";
import { hookedInstance, numberIn, publish, setHook, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer();
});
afterAll(() => server?.close());

const rows = async (statement: string, values: unknown[] = []) =>
  (await query(server.database.url, statement, values)).rows;

const webhookOf = async (instance: string, label = "default") =>
  JSON.parse((await server.call("GET", `/api/events/getWebhook/${instance}?label=${label}`)).text).webhook;

/** Waits until nothing waits for the webhooks of an instance. */
async function settled(instance: string): Promise<void> {
  const waiting = `select 1 from webhook_delivery join webhook on webhook.id = webhook_id
    join instance on instance.id = instance_id where instance.name = $1 and state = 0`;
  await until(async () => (await rows(waiting, [instance])).length === 0);
}

/** Answers with the statuses in turn, and after them with 200. */
function statuses(...list: number[]): (answer: ServerResponse) => void {
  return (answer) => void answer.writeHead(list.shift() ?? 200).end("told");
}

describe("a delivery", () => {
  it("is the plain frame, byte for byte, with the id that the producer got", async () => {
    const receiver = await startReceiver();
    const name = await hookedInstance(server, `${receiver.origin}/hook?key=a%2Fb`, { authorization: "Bearer of it" });
    const data = '{"b": 1.0, "a":"\\u00e9", "big":12345678901234567890}';
    const response = await fetch(`${server.url}/api/events/publish/${name}`, {
      method: "POST",
      headers: { token: server.accountToken, "content-type": "application/json" },
      body: `{"event":"call.update","data":${data}}`,
    });
    const { id } = (await response.json()) as { id: string };
    await until(() => receiver.requests.length === 1);
    const [request] = receiver.requests;
    expect(request?.body.toString()).toBe(
      `{"event":"call.update","data":${data},"instanceData":{"baseUrl":"https://wa.example.net","instance":"${name}","token":"ti_${name}-token"}}`,
    );
    expect(request?.path).toBe("/hook?key=a%2Fb");
    expect(request?.headers).toMatchObject({
      "webhook-id": id,
      "webhook-attempt": "1",
      authorization: "Bearer of it",
      "content-type": "application/json",
    });
    expect(request?.headers["user-agent"]).toMatch(/^Eventwire\/\d/);
    expect(request?.headers["webhook-signature"]).toBeUndefined();
  });

  it("goes to the path of its event type when asked, and is signed when there is a secret", async () => {
    const receiver = await startReceiver();
    const secret = `whsec_${randomBytes(32).toString("base64")}`;
    const name = await hookedInstance(server, `${receiver.origin}/hook/`, { byEvents: true, secret });
    await publish(server, name, { n: 1 });
    await until(() => receiver.requests.length === 1);
    const [request] = receiver.requests;
    expect(request?.path).toBe("/hook/message.status");
    const headers = request?.headers as Record<string, string>;
    expect(new Webhook(secret).verify(request?.body ?? "", headers)).toMatchObject({ data: { n: 1 } });
  });

  it("goes to each webhook whose filter takes the event, with media only where asked", async () => {
    const receiver = await startReceiver();
    const name = await hookedInstance(server, `${receiver.origin}/default`, { mediaBase64: true });
    await setHook(server, name, { label: "calls", url: `${receiver.origin}/calls`, events: ["call.update"] });
    await setHook(server, name, { label: "bare", url: `${receiver.origin}/bare`, events: ["message.exchange"] });
    const base64 = randomBytes(5_000).toString("base64");
    await publish(server, name, { message: { media: { type: "image", base64, url: "u" } } }, "message.exchange");
    await publish(server, name, { n: 2 }, "call.update");
    await until(() => receiver.requests.length === 4);
    const bodies = (path: string) =>
      receiver.requests.filter((request) => request.path === path).map(({ body }) => JSON.parse(body.toString()).data);
    expect(bodies("/default")).toEqual([{ message: { media: { type: "image", base64, url: "u" } } }, { n: 2 }]);
    expect(bodies("/bare")).toEqual([{ message: { media: { type: "image", url: "u" } } }]);
    expect(bodies("/calls")).toEqual([{ n: 2 }]);
    await settled(name);
    // The event of several webhooks goes with the last of its deliveries.
    await until(async () => (await rows("select 1 from webhook_event")).length === 0);
  });

  it("needs no database for an instance without a webhook that takes the event", async () => {
    const receiver = await startReceiver();
    const name = await hookedInstance(server, receiver.origin, { events: ["call.update"] });
    const before = await rows("select count(*) from webhook_delivery");
    await publish(server, name, { n: 1 });
    await setHook(server, name, { enabled: false });
    await publish(server, name, { n: 2 }, "call.update");
    expect(await rows("select count(*) from webhook_delivery")).toEqual(before);
    expect(receiver.requests).toEqual([]);
  });
});

describe("order", () => {
  it("holds, one request at a time, over a failing delivery too", async () => {
    let open = 0;
    let openMax = 0;
    const order: number[] = [];
    const receiver = await startReceiver((answer, { body }) => {
      openMax = Math.max(openMax, ++open);
      const n = numberIn(body);
      const fails = n === 3 && !order.includes(3);
      order.push(n);
      setImmediate(() => {
        open--;
        answer.writeHead(fails ? 500 : 204).end();
      });
    });
    const name = await hookedInstance(server, receiver.origin);
    for (let n = 1; n <= 20; n++) await publish(server, name, { n });
    await settled(name);
    expect(order).toEqual([1, 2, 3, 3, ...Array.from({ length: 17 }, (_, i) => i + 4)]);
    expect(openMax).toBe(1);
    expect(receiver.requests.map(({ headers }) => headers["webhook-attempt"]).slice(0, 4)).toEqual([
      "1",
      "1",
      "1",
      "2",
    ]);
    const ids = receiver.requests.map(({ headers }) => headers["webhook-id"]);
    expect(ids[2]).toBe(ids[3]);
    expect(new Set(ids).size).toBe(20);
  });

  it("is given up for speed when asked: up to eight at once, and a failing one holds nobody", async () => {
    let open = 0;
    let openMax = 0;
    const waiting: (() => void)[] = [];
    const done = new Set<number>();
    const receiver = await startReceiver((answer, { body, headers }) => {
      openMax = Math.max(openMax, ++open);
      const n = numberIn(body);
      const fails = n === 1 && headers["webhook-attempt"] === "1";
      waiting.push(() => {
        open--;
        if (!fails) done.add(n);
        answer.writeHead(fails ? 503 : 200).end();
      });
      if (open === 8 || done.size >= 12) for (const release of waiting.splice(0)) release();
    });
    const name = await hookedInstance(server, receiver.origin, { ordered: false });
    for (let n = 1; n <= 20; n++) await publish(server, name, { n });
    await until(() => {
      if (receiver.requests.length >= 20) for (const release of waiting.splice(0)) release();
      return done.size === 20;
    });
    expect(openMax).toBe(8);
    await settled(name);
  });
});

describe("a failing receiver", () => {
  it("gets the event again on the schedule, and after the last attempt the delivery is dead", async () => {
    const receiver = await startReceiver(statuses(500, 502, 408, 429, 500, 500, 500, 500));
    const name = await hookedInstance(server, receiver.origin, { ordered: false });
    const { id } = await publish(server, name, { n: 1 });
    await settled(name);
    expect(receiver.requests.map(({ headers }) => headers["webhook-id"])).toEqual([id, id, id, id]);
    const [dead] = await rows("select state, attempts, status, response from webhook_delivery where event_id = $1", [
      id,
    ]);
    expect(dead).toEqual({ state: 2, attempts: 4, status: 429, response: "told" });
    const tried = await rows(
      "select a.status from webhook_attempt a join webhook_delivery d using (webhook_id, number) where event_id = $1 order by attempt",
      [id],
    );
    expect(tried.map(({ status }) => status)).toEqual([500, 502, 408, 429]);
    expect(await rows("select id::text from webhook_event where id = $1", [id])).toEqual([{ id }]);
  });

  it("gets all events of an unordered webhook again when they are due, however many", async () => {
    const tried = new Map<number, number[]>();
    const receiver = await startReceiver((answer, { body }) => {
      const times = tried.get(numberIn(body)) ?? [];
      tried.set(numberIn(body), [...times, performance.now()]);
      answer.writeHead(times.length === 0 ? 500 : 204).end();
    });
    const name = await hookedInstance(server, receiver.origin, { ordered: false });
    for (let n = 1; n <= 100; n++) await publish(server, name, { n });
    await settled(name);
    const waits = [...tried.values()].map(([first = 0, second = Number.POSITIVE_INFINITY]) => second - first);
    // The first delay is one second and a fifth at most. A lane that forgets its webhook reads it again after 10 s.
    expect(Math.max(...waits)).toBeLessThan(8_000);
  });

  it("that refuses one event for good loses only that one", async () => {
    const receiver = await startReceiver(statuses(422));
    const name = await hookedInstance(server, receiver.origin);
    for (let n = 1; n <= 3; n++) await publish(server, name, { n });
    await settled(name);
    expect(receiver.requests.map(({ body }) => numberIn(body))).toEqual([1, 2, 3]);
  });

  it("that answers 401, 403 or 404 pauses the webhook, and nothing dies; setting the webhook anew ends the pause", async () => {
    const receiver = await startReceiver(statuses(401, 403, 404, 401, 403, 404));
    const name = await hookedInstance(server, receiver.origin);
    for (let n = 1; n <= 3; n++) await publish(server, name, { n });
    for (let tried = 2; tried <= 7; tried++) {
      await until(() => receiver.requests.length >= tried - 1);
      await setHook(server, name, { url: receiver.origin });
    }
    await settled(name);
    expect(receiver.requests.map(({ body }) => numberIn(body))).toEqual([1, 1, 1, 1, 1, 1, 1, 2, 3]);
  });

  it("that answers 410 is disabled, its owner sees why, and what waits is dead", async () => {
    const receiver = await startReceiver(statuses(410));
    const name = await hookedInstance(server, receiver.origin, { label: "gone" });
    await publish(server, name, { n: 1 });
    await until(async () => (await webhookOf(name, "gone")).enabled === false);
    expect(await webhookOf(name, "gone")).toMatchObject({
      url: receiver.origin,
      disabledReason: "The receiver answered 410.",
    });
    await until(() => server.log.some((line) => line.includes("webhook disabled")));
    await setHook(server, name, { label: "gone", url: receiver.origin });
    expect((await webhookOf(name, "gone")).disabledReason).toBeUndefined();
  });

  it("delays no other receiver, however long it hangs", async () => {
    const hanging = await startReceiver(() => {});
    const name = await hookedInstance(server, hanging.origin, { label: "hanging", timeoutSeconds: 1 });
    const quick = await startReceiver();
    await setHook(server, name, { label: "quick", url: quick.origin });
    for (let n = 1; n <= 50; n++) await publish(server, name, { n });
    await until(() => quick.requests.length === 50);
    expect(hanging.requests.length).toBeLessThan(5);
    await setHook(server, name, { label: "hanging", enabled: false });
  });

  it("may answer bytes that no database takes as text", async () => {
    const bodies = ["\0 and more", Buffer.from([0xff, 0x00, 0xed, 0xa0, 0x80])];
    const receiver = await startReceiver((answer) => {
      const body = bodies.shift();
      answer.writeHead(body === undefined ? 200 : 500).end(body);
    });
    const name = await hookedInstance(server, receiver.origin);
    await publish(server, name, { n: 1 });
    await settled(name);
    expect(receiver.requests.length).toBe(3);
  });

  it("that redirects is not followed", async () => {
    const other = await startReceiver();
    const receiver = await startReceiver((answer) =>
      answer.writeHead(receiver.requests.length === 1 ? 302 : 200, { location: other.origin }).end(),
    );
    const name = await hookedInstance(server, receiver.origin);
    await publish(server, name, { n: 1 });
    await settled(name);
    expect(other.requests).toEqual([]);
    expect(receiver.requests.length).toBe(2);
  });
});
