/** A batch that asks gets a receipt of each of its events, in batch order, over every protocol of the stream. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Event } from "../../src/bus/bus.js";
import { idText } from "../../src/domain/event-id.js";
import { eventOf, openEventStream, streamTransports } from "../support/event-stream.js";
import { openH2 } from "../support/h2-client.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";
import { framed } from "../support/worst-calls.js";

let node: ServiceNode;
let instanceId: string;
let events: Event[];
beforeAll(async () => {
  node = await startServiceNode();
  ({ id: instanceId } = await node.createInstance("desk"));
});
afterAll(() => node.close());
beforeEach(() => {
  events = node.eventsOf(instanceId);
});

const none = { id: "", sockets: undefined };
const receipts = () => events.map(({ id }) => ({ id: idText(id), sockets: 0, webhooks: 0 }));

describe.each(Object.entries(streamTransports))("over %s", (_, transport) => {
  it("the receipts have the ids of the events, and are empty where an event was refused", async () => {
    const stream = openEventStream(node.url, node.token, transport(node.url));
    const event = eventOf("desk", "call.update", "{}");
    stream.send({
      receipt: true,
      events: [event, eventOf("elsewhere", "call.update", "{}"), event, { instance: "desk" }],
    });
    const answer = await stream.acknowledgement();
    const [first, second] = receipts();
    expect(answer).toMatchObject({ published: 2, refusals: [{ index: 1 }, { index: 3 }] });
    expect(answer?.receipts).toEqual([first, none, second, none]);
    stream.end();
  });

  it("a batch that does not ask gets none", async () => {
    const stream = openEventStream(node.url, node.token, transport(node.url));
    stream.send({ events: [{ ...eventOf("desk", "call.update", "{}"), receipt: true }] });
    expect(await stream.acknowledgement()).toEqual({ sequence: 0, published: 1, refusals: [] });
    stream.end();
  });
});

it("keeps the order of the batch for events that take long to check, and for 1024 of them", async () => {
  const stream = openEventStream(node.url, node.token);
  const large = (n: number) => eventOf("desk", "label.update", `{"n":${n},"pad":"${"x".repeat(300_000)}"}`);
  const small = eventOf("desk", "label.update", "{}");
  stream.send({ receipt: true, events: [large(0), small, eventOf("desk", "label.update", "["), large(1), small] });
  const [a, b, c, d] = await stream.acknowledgement().then((answer) => {
    const [first, second, third, fourth] = receipts();
    expect(answer?.receipts).toEqual([first, second, none, third, fourth]);
    return receipts();
  });
  expect(new Set([a, b, c, d].map((receipt) => receipt?.id)).size).toBe(4);
  stream.send({ receipt: true, events: Array(1024).fill(small) });
  expect((await stream.acknowledgement())?.receipts).toEqual(receipts().slice(4));
  expect(events).toHaveLength(1028);
  stream.end();
});

it("gives no receipt of an event over the rate limit", async () => {
  const limited = await startServiceNode({ limits: { publish: 1 } });
  try {
    const accountId = limited.directory.principal(limited.token)?.accountId ?? "";
    const { id } = await limited.store.createInstance({ accountId, name: "desk" });
    const published = limited.eventsOf(id);
    const stream = openEventStream(limited.url, limited.token);
    stream.send({ receipt: true, events: Array(2).fill(eventOf("desk", "call.update", "{}")) });
    const answer = await stream.acknowledgement();
    expect(answer?.refusals).toMatchObject([{ index: 1, reason: "RATE_LIMITED" }]);
    expect(answer?.receipts).toEqual([{ id: idText((published[0] as Event).id), sockets: 0, webhooks: 0 }, none]);
    stream.end();
  } finally {
    await limited.close();
  }
});

it.each([
  ['"yes"', "must be a boolean"],
  [`"${"x".repeat(100_000)}"`, "must be a boolean"],
])("refuses a batch in JSON whose receipt is %.8s", async (receipt, rule) => {
  const client = await openH2(node.port.port);
  const headers = { "content-type": "application/grpc+json", te: "trailers", token: node.token };
  const stream = client.post("/eventwire.v1.EventService/PublishEvents", headers);
  stream.end(framed(Buffer.from(`{"events":[],"receipt":${receipt}}`)));
  const { trailers } = await stream.done();
  expect(trailers["grpc-status"]).toBe("3");
  expect(trailers["eventwire-error"]).toBe(`INVALID_REQUEST_BODY; field="receipt"; rule="${rule}"`);
  client.destroy();
});
