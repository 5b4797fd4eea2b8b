/** An accepted event has its id and its time from the moment of acceptance, the same wherever it goes. */

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { Bus } from "../../src/bus/bus.js";
import { AppError } from "../../src/domain/errors.js";
import { type EventId, idText } from "../../src/domain/event-id.js";
import type { Principal } from "../../src/domain/instance.js";
import { createPublishing, type Publishing } from "../../src/service/publishing.js";
import type { AcceptedEvent } from "../../src/service/sinks.js";
import { noOutbox, type ServiceNode, startServiceNode } from "../support/service-node.js";

const desk = "desk";
let node: ServiceNode;
let account: Principal;
let instanceId: string;
beforeAll(async () => {
  node = await startServiceNode();
  account = node.directory.principal(node.token) as Principal;
  ({ id: instanceId } = await node.store.createInstance({ accountId: account.accountId, name: desk }));
});
afterAll(() => node?.close());

/** What each sink was given, in the order of all calls. */
let taken: { sink: string; event: AcceptedEvent }[];
let publishing: Publishing;
beforeEach(() => {
  taken = [];
  publishing = publishingOn(node.bus);
});

function publishingOn(bus: Bus): Publishing {
  const sink = (name: string) => ({ take: (event: AcceptedEvent) => void taken.push({ sink: name, event }) });
  return createPublishing({
    directory: node.directory,
    bus,
    sinks: [sink("first"), sink("second")],
    outbox: noOutbox,
    publishMaxBytes: 2 ** 20,
    busOutage: "accept",
    takers: () => 0,
  });
}

const publish = (event: string, data: string) =>
  publishing.publish(account, desk, { event, data: Buffer.from(data) }) as EventId;

it("gives the bus and every sink the same event, in the order in which they stand", () => {
  const heard = node.eventsOf(instanceId);
  const before = Date.now();
  const id = publish("instance.state", '{"state":"connected"}');
  expect(taken.map(({ sink }) => sink)).toEqual(["first", "second"]);
  const [event] = heard;
  expect(event).toMatchObject({ id, instanceId, type: "instance.state" });
  expect(event?.time).toBeGreaterThanOrEqual(before);
  expect(event?.time).toBeLessThanOrEqual(Date.now());
  expect(Number.parseInt(idText(id).replaceAll("-", "").slice(0, 12), 16)).toBe(event?.time);
  for (const { event: given } of taken) {
    expect(given).toMatchObject({ id, time: event?.time, reported: { state: { start: 9, end: 20 } } });
  }
});

it("carries the time at which the producer says that it happened", () => {
  const input = { event: "call.update", data: Buffer.from("{}") };
  publishing.publish(account, desk, { ...input, occurredAt: 7 });
  publishing.publish(account, desk, input);
  const times = taken.filter(({ sink }) => sink === "first").map(({ event }) => event.occurredAt);
  expect(times).toEqual([7, undefined]);
});

it("tells who publishes the id of each event, growing in the order of acceptance", () => {
  const ids = Array.from({ length: 1_000 }, (_, n) => idText(publish("call.update", `{"n":${n}}`)));
  expect(ids.toSorted()).toEqual(ids);
  expect(taken.filter(({ sink }) => sink === "first").map(({ event }) => idText(event.id))).toEqual(ids);
});

it("accepts a large event when it is checked, after what came meanwhile", async () => {
  const large = publishing.publish(account, desk, {
    event: "label.update",
    data: Buffer.from(`{"pad":"${"x".repeat(512 * 1024)}"}`),
  });
  const small = idText(publish("label.update", "{}"));
  expect(large).toBeInstanceOf(Promise);
  expect(idText(await large) > small).toBe(true);
});

it.each([
  ["says nothing more", () => undefined],
  ["has only reached later events", () => Promise.resolve(true)],
])("tells that other nodes were missed, although the bus told another call first and now %s", async (_, flush) => {
  const stats = { ...node.bus.stats };
  publishing = publishingOn({ ...node.bus, stats, flush });
  const mark = publishing.mark();
  publish("call.update", "{}");
  stats.unreached++;
  expect(await publishing.reached(mark)).toEqual({ otherNodes: false, webhooks: true });
  publish("call.update", "{}");
  expect((await publishing.reached(publishing.mark()))?.otherNodes).not.toBe(false);
});

it("gives no sink what is refused, by a check or by the bus", () => {
  expect(() => publish("call.update", "[]")).toThrow(AppError);
  const tooLarge = () => {
    throw new AppError("EVENT_TOO_LARGE_FOR_BUS", { values: { limit: "1" } });
  };
  publishing = publishingOn({ ...node.bus, publish: tooLarge });
  expect(() => publish("call.update", "{}")).toThrow("Event too large for the event bus");
  expect(taken).toEqual([]);
  expect(publishing.stats).toEqual({ published: 0, withoutClient: 0 });
});
