/** The bounds of the queue: what producers are told at a bound, and what is dropped when they go on. */

import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { QueueBound } from "../../src/webhooks/queue-bound.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { query } from "../support/postgres.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { scrape } from "../support/scrape.js";
import { silent } from "../support/store.js";
import { until } from "../support/until.js";
import { openWebhookQueue } from "../support/webhook-queue.js";
import { hookedInstance, numberIn, publish, setHook, startWebhookServer } from "../support/webhook-server.js";

const failing = { WEBHOOK_RETRY_SECONDS: "600", WEBHOOK_QUEUE_MAX: "5" };

const numbersIn = async (server: PublicServer, instance: string): Promise<number[]> => {
  const waiting = `select convert_from(data, 'UTF8')::json->>'n' as n from webhook_delivery
    join webhook_event on webhook_event.id = event_id join instance on instance.id = instance_id
    where instance.name = $1 and state = 0 order by number`;
  return (await query(server.database.url, waiting, [instance])).rows.map(({ n }) => Number(n));
};

describe("with WEBHOOK_QUEUE_FULL=refuse", () => {
  let server: PublicServer;
  beforeAll(async () => {
    server = await startWebhookServer(failing);
  });
  afterAll(() => server?.close());

  it("refuses at WEBHOOK_QUEUE_MAX with the label of the webhook, over REST, Connect and a gRPC stream alike", async () => {
    const receiver = await startReceiver((answer) => answer.writeHead(500).end());
    const name = await hookedInstance(server, receiver.origin, { label: "archive" });
    for (let n = 1; n <= 5; n++) await publish(server, name, { n });

    const rest = await fetch(`${server.url}/api/events/publish/${name}`, {
      method: "POST",
      headers: { token: server.accountToken, "content-type": "application/json" },
      body: '{"event":"message.status","data":{"n":6}}',
    });
    expect(rest.status).toBe(503);
    expect(await rest.json()).toEqual({ success: false, error: { message: "Webhook queue full" } });
    const rule = "at most 5 deliveries may wait for the webhook archive";
    expect(rest.headers.get("eventwire-error")).toBe(`WEBHOOK_QUEUE_FULL; rule="${rule}"`);
    expect(rest.headers.get("retry-after")).toBe("1");

    const token = server.accountToken;
    const client = createClient(
      EventService,
      createConnectTransport({ baseUrl: server.server.grpcUrl, httpVersion: "2" }),
    );
    const event = eventOf(name, "message.status", '{"n":7}');
    const refused = await client.publishEvent(event, { headers: { token } }).catch((error) => error);
    expect(refused).toMatchObject({ rawMessage: "Webhook queue full" });
    expect(refused.metadata.get("eventwire-error")).toBe(`WEBHOOK_QUEUE_FULL; rule="${rule}"`);

    const answers = [];
    const batches = (async function* () {
      yield { sequence: 1n, events: [event, event] };
    })();
    const overGrpc = createClient(EventService, createGrpcTransport({ baseUrl: server.server.grpcUrl }));
    for await (const answer of overGrpc.publishEvents(batches, { headers: { token } })) answers.push(answer);
    const refusal = { reason: "WEBHOOK_QUEUE_FULL", message: "Webhook queue full", rule };
    expect(answers).toMatchObject([
      {
        published: 0,
        refusals: [
          { index: 0, ...refusal },
          { index: 1, ...refusal },
        ],
      },
    ]);

    expect(await numbersIn(server, name)).toEqual([1, 2, 3, 4, 5]);
    expect(await scrape(server.server.grpcUrl, "eventwire_webhook_events_refused_total")).toEqual([4]);
  });

  it("publishes nothing of a refused event, also not to the sockets", async () => {
    const receiver = await startReceiver((answer) => answer.writeHead(500).end());
    const name = await hookedInstance(server, receiver.origin);
    for (let n = 1; n <= 5; n++) await publish(server, name, { n });
    const [before] = await scrape(server.server.grpcUrl, "eventwire_events_published_total");
    const { status } = await server.call("POST", `/api/events/publish/${name}`, { event: "call.update", data: {} });
    expect(status).toBe(503);
    expect(await scrape(server.server.grpcUrl, "eventwire_events_published_total")).toEqual([before]);
  });

  it("takes events again soon after there is room, and goes on with other webhooks meanwhile", async () => {
    let status = 500;
    const receiver = await startReceiver((answer) => answer.writeHead(status).end());
    const name = await hookedInstance(server, receiver.origin);
    for (let n = 1; n <= 5; n++) await publish(server, name, { n });
    const event = { event: "message.status", data: { n: 6 } };
    expect((await server.call("POST", `/api/events/publish/${name}`, event)).status).toBe(503);

    const quick = await startReceiver();
    const other = await hookedInstance(server, quick.origin);
    for (let n = 1; n <= 20; n++) await publish(server, other, { n });
    await until(() => quick.requests.length === 20);

    status = 204;
    await setHook(server, name, { url: receiver.origin });
    await until(async () => (await server.call("POST", `/api/events/publish/${name}`, event)).status === 200);
    await until(async () => (await numbersIn(server, name)).length === 0);
    expect([...new Set(receiver.requests.map(({ body }) => numberIn(body)))]).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("with WEBHOOK_QUEUE_FULL=drop_oldest", () => {
  let server: PublicServer;
  beforeAll(async () => {
    server = await startWebhookServer({ ...failing, WEBHOOK_QUEUE_FULL: "drop_oldest" });
  });
  afterAll(() => server?.close());

  it("drops the oldest and no more than the oldest, counts them, and their events go", async () => {
    const receiver = await startReceiver((answer) => answer.writeHead(500).end());
    const name = await hookedInstance(server, receiver.origin);
    const events = Array.from({ length: 200 }, (_, n) => eventOf(name, "message.status", `{"n":${n + 1}}`));
    const stream = openEventStream(server.server.grpcUrl, server.accountToken);
    for (let from = 0; from < events.length; from += 10)
      stream.send({ sequence: BigInt(from), events: events.slice(from, from + 10) });
    for (let from = 0; from < events.length; from += 10)
      expect(await stream.acknowledgement()).toMatchObject({ published: 10, refusals: [] });
    stream.end();
    const newest = [196, 197, 198, 199, 200];
    await until(async () => (await numbersIn(server, name)).length <= 5);
    expect(await numbersIn(server, name)).toEqual(newest);
    await until(async () => (await scrape(server.server.grpcUrl, "eventwire_webhook_dropped_total"))[0] === 195);
    expect((await query(server.database.url, "select 1 from webhook_event")).rows.length).toBe(5);
    expect(server.log.some((line) => line.includes("oldest deliveries of a full webhook queue dropped"))).toBe(true);
  });

  it("drops no more when several nodes drop at once", async () => {
    const receiver = await startReceiver((answer) => answer.writeHead(500).end());
    const name = await hookedInstance(server, receiver.origin);
    for (let n = 1; n <= 5; n++) await publish(server, name, { n });
    const find = "select webhook.id from webhook join instance on instance.id = instance_id where instance.name = $1";
    const [{ id }] = (await query(server.database.url, find, [name])).rows;
    const queues = Array.from({ length: 4 }, () => openWebhookQueue(server.database.url));
    const dropped = await Promise.all(queues.map((queue) => queue.dropOldest(id, 2)));
    expect(dropped.reduce((sum, count) => sum + count)).toBe(3);
    expect(await numbersIn(server, name)).toEqual([4, 5]);
  });
});

describe("the bytes of all queues", () => {
  let server: PublicServer;
  let small: string;
  let large: string;
  const pad = "x".repeat(10_000);
  beforeAll(async () => {
    server = await startWebhookServer({ WEBHOOK_RETRY_SECONDS: "600" });
    const url = "http://127.0.0.1:1024/";
    small = await hookedInstance(server, url);
    large = await hookedInstance(server, url);
    for (let n = 1; n <= 5; n++) await publish(server, small, { n });
    for (let n = 1; n <= 10; n++) await publish(server, large, { n, pad });
  });
  afterAll(() => server?.close());

  function boundOf(whenFull: "refuse" | "drop_oldest", queueMaxBytes: number): QueueBound {
    const queue = openWebhookQueue(server.database.url);
    return new QueueBound({ queue, queueMax: 1_000_000, queueMaxBytes, whenFull, logger: silent });
  }

  it("are bounded too: above them every event is refused by name, until there is room", async () => {
    const queue = openWebhookQueue(server.database.url);
    const { waitingBytes } = await queue.totals();
    expect(waitingBytes).toBeGreaterThan(100_000);
    const bound = boundOf("refuse", waitingBytes);
    bound.check("7", "any");
    bound.counted(await queue.totals());
    const rule = `at most ${waitingBytes} bytes of events may wait for all webhooks, and the webhook any is one of them`;
    expect(() => bound.check("7", "any")).toThrowError(expect.objectContaining({ reason: "WEBHOOK_QUEUE_FULL", rule }));
    await server.call("POST", `/api/events/webhook/${large}/skip`, {});
    await until(() => {
      try {
        bound.check("7", "any");
        return true;
      } catch {
        return false;
      }
    });
  });

  it("make the oldest of the largest queue go, with drop_oldest", async () => {
    const queue = openWebhookQueue(server.database.url);
    const before = await numbersIn(server, large);
    const { waitingBytes } = await queue.totals();
    const bound = boundOf("drop_oldest", waitingBytes - 25_000);
    bound.counted(await queue.totals());
    await until(async () => bound.stats.dropped === 3 && (await numbersIn(server, large)).length === before.length - 3);
    expect(await numbersIn(server, large)).toEqual(before.slice(3));
    expect(await numbersIn(server, small)).toEqual([1, 2, 3, 4, 5]);
    bound.check("7", "any");
  });
});
