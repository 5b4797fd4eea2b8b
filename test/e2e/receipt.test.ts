/** A publisher that asks for a receipt learns whether anybody gets its event; who does not ask is answered as ever. */

import { once } from "node:events";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WebSocket } from "ws";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { eventId, publishedText } from "../support/published.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk", "ti_desk-one", { enabled: true, events: ["call.update", "label.update"] });
});
afterAll(() => server.close());

async function connect(): Promise<WebSocket> {
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws/desk?token=ti_desk-one`);
  await once(socket, "open");
  return socket;
}

const publish = (event: string, more: object = {}): Promise<{ status: number; text: string }> =>
  server.call("POST", "/api/events/publish/desk", { event, data: {}, ...more });
const answer = (sockets: number) => ({ status: 200, text: publishedText(`"sockets":${sockets},`, ',"webhooks":0') });
const plain = { status: 200, text: publishedText() };

it("says how many sockets have a filter that takes the event", async () => {
  expect(await publish("call.update", { receipt: true })).toEqual(answer(0));
  const sockets = [await connect(), await connect()];
  expect(await publish("call.update", { receipt: true })).toEqual(answer(2));
  expect(await publish("message.status", { receipt: true })).toEqual(answer(0));
  expect(await publish("call.update")).toEqual(plain);
  expect(await publish("message.status", { receipt: false })).toEqual(plain);
  for (const socket of sockets) socket.terminate();
});

it.each([
  ["Connect", () => createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" })],
  ["gRPC", () => createGrpcTransport({ baseUrl: server.server.grpcUrl })],
])("says so over %s, too", async (_, transport) => {
  const socket = await connect();
  const client = createClient(EventService, transport());
  const event = { instance: "desk", event: "label.update", payload: { case: "data", value: {} } } as const;
  const headers = { token: server.accountToken };
  expect(await client.publishEvent({ ...event, receipt: true }, { headers })).toMatchObject({ sockets: 1 });
  expect((await client.publishEvent(event, { headers })).sockets).toBeUndefined();
  socket.terminate();
});

it("says for each event of a batch how many sockets take it, when the batch asks", async () => {
  const sockets = [await connect(), await connect()];
  const stream = openEventStream(server.server.grpcUrl, server.accountToken);
  const events = ["call.update", "message.status", "nonsense"].map((type) => eventOf("desk", type, "{}"));
  stream.send({ events, receipt: true });
  expect(await stream.acknowledgement()).toMatchObject({
    published: 2,
    receipts: [
      { id: eventId, sockets: 2 },
      { id: eventId, sockets: 0 },
      { id: "", sockets: undefined },
    ],
  });
  stream.send({ events: [{ ...eventOf("desk", "call.update", "{}"), receipt: true }] });
  expect(await stream.acknowledgement()).toEqual({ sequence: 0, published: 1, refusals: [] });
  stream.end();
  for (const socket of sockets) socket.terminate();
});

it("says for how many webhooks the event was stored, and says it again to a call with the same key", async () => {
  await server.createInstance("shop", "ti_shop-one");
  for (const [label, events] of Object.entries({ all: [], calls: ["call.update"], labels: ["label.update"] }))
    await server.call("POST", "/api/events/webhook/shop", { label, enabled: true, url: "https://192.0.2.1/", events });
  const ask = async (event: string, idempotencyKey?: string) => {
    const body = { event, data: {}, receipt: true, idempotencyKey };
    return JSON.parse((await server.call("POST", "/api/events/publish/shop", body)).text);
  };
  await expect.poll(async () => (await ask("call.update")).webhooks).toBe(2);
  expect((await ask("message.status")).webhooks).toBe(1);
  const first = await ask("label.update", "a-key");
  expect(first.webhooks).toBe(2);
  expect(await ask("label.update", "a-key")).toEqual(first);
  const stream = openEventStream(server.server.grpcUrl, server.accountToken);
  stream.send({ events: [eventOf("shop", "call.update", "{}"), eventOf("desk", "call.update", "{}")], receipt: true });
  expect((await stream.acknowledgement())?.receipts).toMatchObject([{ webhooks: 2 }, { webhooks: 0 }]);
  stream.end();
});

it("refuses a receipt that is no boolean", async () => {
  const response = await fetch(`${server.url}/api/events/publish/desk`, {
    method: "POST",
    headers: { token: server.accountToken, "content-type": "application/json" },
    body: '{"event":"call.update","data":{},"receipt":"yes"}',
  });
  expect(response.headers.get("eventwire-error")).toBe(
    'INVALID_REQUEST_BODY; field="receipt"; rule="must be a boolean"',
  );
});
