/** Publishing to webhooks, and delivering, while the database is away, silent or slow. */

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { eventOf } from "../support/event-stream.js";
import { query } from "../support/postgres.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";
import { hookedInstance, numberIn, publish, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
let proxy: DatabaseProxy;

function startWith(env: Record<string, string>) {
  beforeEach(async () => {
    server = await startWebhookServer(env, async (url) => {
      proxy = await startDatabaseProxy(url);
      return proxy.url;
    });
  });
  afterEach(async () => {
    await proxy.heal();
    await server?.close();
    await proxy.close();
  });
}

const post = (instance: string, data: object) =>
  fetch(`${server.url}/api/events/publish/${instance}`, {
    method: "POST",
    headers: { token: server.accountToken, "content-type": "application/json" },
    body: JSON.stringify({ event: "message.status", data }),
  });

describe("with WEBHOOK_OUTAGE=refuse", () => {
  startWith({});

  it("refuses events for webhooks while the database is away, and no other event", async () => {
    const receiver = await startReceiver();
    const name = await hookedInstance(server, receiver.origin);
    await server.createInstance("plain", "ti_plain-token");
    await publish(server, name, { n: 1 });
    await proxy.cut();
    const refused = await post(name, { n: 2 });
    expect(refused.status).toBe(500);
    expect(await refused.json()).toEqual({ success: false, error: { message: "Failed to store event" } });
    expect(refused.headers.get("eventwire-error")).toBe("STORE_EVENT_FAILED");
    expect((await post("plain", { n: 3 })).status).toBe(200);
    await proxy.heal();
    await until(async () => (await post(name, { n: 4 })).status === 200);
    await until(() => receiver.requests.some(({ body }) => numberIn(body) === 4));
  });

  it("goes on when a receiver says that it is gone while the database is away, and disables the webhook afterwards", async () => {
    const receiver = await startReceiver(async (answer) => {
      await proxy.cut();
      answer.writeHead(410).end();
    });
    const name = await hookedInstance(server, receiver.origin);
    await post(name, { n: 1 });
    await until(() => server.log.some((line) => line.includes("the queue of webhooks cannot be used")));
    await proxy.heal();
    const shown = async () =>
      JSON.parse((await server.call("GET", `/api/events/getWebhook/${name}?label=`)).text).webhook;
    await until(async () => (await shown())?.disabledReason === "The receiver answered 410.");
  }, 30_000);

  it("cuts requests under way before another node may take their webhooks over, while the database is silent", async () => {
    const hung: Promise<number>[] = [];
    const receiver = await startReceiver((answer) => {
      if (hung.length > 0) return answer.writeHead(204).end();
      const since = performance.now();
      hung.push(new Promise((done) => answer.on("close", () => done(performance.now() - since))));
    });
    const name = await hookedInstance(server, receiver.origin, { timeoutSeconds: 30 });
    await publish(server, name, { n: 1 });
    await until(() => hung.length === 1);
    proxy.silence();
    // The leases of a node end for other nodes ten seconds after its last proof of life.
    expect(await hung[0]).toBeLessThan(10_000);
    await proxy.cut();
    await proxy.heal();
    await until(() => receiver.requests.length === 2);
    expect(receiver.requests[1]?.headers["webhook-id"]).toBe(receiver.requests[0]?.headers["webhook-id"]);
  }, 60_000);

  it("refuses further events by name when too many wait for a slow database", async () => {
    const receiver = await startReceiver();
    const name = await hookedInstance(server, receiver.origin);
    await publish(server, name, { n: 1 });
    proxy.silence();
    const pad = "x".repeat(4 * 1024 * 1024);
    const waiting = Array.from({ length: 34 }, (_, n) => post(name, { n, pad }));
    const first = await Promise.race(waiting);
    expect(first.status).toBe(500);
    expect(first.headers.get("eventwire-error")).toMatch(
      /^STORE_EVENT_FAILED; rule="at most 134217728 bytes of events/,
    );
    await proxy.cut();
    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([500]));
  }, 30_000);
});

describe("with WEBHOOK_OUTAGE=accept", () => {
  startWith({ WEBHOOK_OUTAGE: "accept" });

  it("says in the answer that webhooks miss the event, counts it, and stores what comes when the database is back", async () => {
    const receiver = await startReceiver();
    const name = await hookedInstance(server, receiver.origin);
    expect(await publish(server, name, { n: 1 })).not.toHaveProperty("webhooksStored");
    await proxy.cut();
    expect(await publish(server, name, { n: 2 })).toMatchObject({ success: true, webhooksStored: false });
    expect(await publish(server, name, { n: 3 })).toMatchObject({ success: true, webhooksStored: false });
    const client = createClient(EventService, createGrpcTransport({ baseUrl: server.server.grpcUrl }));
    const batches = (async function* () {
      yield { sequence: 1n, events: [eventOf(name, "message.status", '{"n":5}')] };
    })();
    const headers = { token: server.accountToken };
    for await (const answer of client.publishEvents(batches, { headers }))
      expect(answer).toMatchObject({ published: 1, webhooksStored: false });
    expect(await scrape(server.server.grpcUrl, "eventwire_webhook_events_not_stored_total")).toEqual([3]);
    await proxy.heal();
    await until(async () => (await publish(server, name, { n: 4 })).webhooksStored === undefined);
    await until(() => receiver.requests.some(({ body }) => numberIn(body) === 4));
    expect(receiver.requests.map(({ body }) => numberIn(body)).filter((n) => [2, 3, 5].includes(n))).toEqual([]);
    expect((await query(server.database.url, "select 1 from webhook_delivery where state = 0")).rowCount).toBe(0);
  });
});
