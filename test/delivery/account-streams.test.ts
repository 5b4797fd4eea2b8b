/** Consumers that get all instances of an account on one connection: which events, what they are told, and how they end. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Entry } from "../../src/directory/directory.js";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import type { Websocket } from "../../src/domain/websocket.js";
import { bitsOf, controlFormat, controlHubs, controls, lastControl, story } from "../support/control-hub.js";
import { all, entry, type FakeConnection, principal, settle } from "../support/fake-hub.js";
import { stamp } from "../support/stamp.js";

const account = { accountId: "a" };
const disabled: Websocket = { enabled: false, events: [], mediaBase64: false };

/** The directory of the tests. A change replaces the entry. */
function createEntries() {
  const entries = new Map<string, Entry>();
  const put = (id: string, websocket: Websocket = all, more: Partial<Entry["instance"]> = {}): Entry => {
    const made = entry(id, websocket);
    entries.set(id, { ...made, instance: { ...made.instance, ...more } });
    return entries.get(id) as Entry;
  };
  return { entries, put, findEntry: (id: string) => entries.get(id) };
}

/** The names of the instances whose events arrived, and the kinds of control frames, in order. */
function tale({ received }: FakeConnection): string[] {
  return received.map((text) => {
    const { control, data, instanceData } = JSON.parse(text);
    return control ?? `${instanceData.instance} ${data.n}`;
  });
}

describe.each(controlHubs)("a consumer of a whole account over %s", (_, createHub) => {
  it("gets the events of all instances in order, each named and as the filter of its instance has it", async () => {
    const { put, findEntry } = createEntries();
    const { open, publish } = createHub({ findEntry });
    put("1");
    put("2", { ...all, events: ["call.update"] });
    put("3", disabled);
    const reader = open(undefined, account);
    for (const id of ["1", "2", "3"]) for (const type of ["label.update", "call.update"] as const) publish(type, 0, id);
    publish("label.update", 0, "1");
    await settle();
    expect(tale(reader)).toEqual(["hello", "1 1", "1 2", "2 4", "1 7"]);
  });

  it("is told by hello that it is for no single instance, and what it asked for", async () => {
    const { open } = createHub();
    const reader = open(undefined, account, bitsOf("call.update", "label.update"));
    await settle();
    const events = eventTypes.filter((type) => type === "call.update" || type === "label.update");
    expect(controls(reader)).toMatchObject([
      { control: "hello", instance: "", configurationVersion: 0, filter: { events, mediaBase64: true } },
    ]);
  });

  it("gets nothing of another account, whatever the bus carries", async () => {
    const { put, findEntry } = createEntries();
    const { bus, open } = createHub({ findEntry });
    put("1");
    put("strange", all, { accountId: "b" });
    const reader = open(undefined, account);
    const event = { ...stamp, type: "label.update" as const, data: Buffer.from('{"n":1}') };
    bus.publish({ ...event, accountId: "b", instanceId: "strange" });
    bus.publish({ ...event, accountId: "a", instanceId: "strange" });
    bus.publish({ ...event, accountId: "a", instanceId: "unknown" });
    bus.publish({ ...event, accountId: "a", instanceId: "1" });
    await settle();
    expect(tale(reader)).toEqual(["hello", "1 1"]);
  });

  it("is told of an instance that is created, changed, disabled and deleted, between the events before and after", async () => {
    const { entries, put, findEntry } = createEntries();
    const { hub, open, publish } = createHub({ findEntry });
    const reader = open(undefined, account, bitsOf("label.update", "call.update"));
    const other = open(undefined, { accountId: "b" });
    publish("label.update", 0, "1");
    put("1", disabled, { name: "desk" });
    hub.instanceCreated("1", "a");
    publish("label.update", 0, "1");
    hub.instanceChanged(put("1", { ...all, events: ["label.update", "group.flow"] }, { name: "desk" }));
    publish("label.update", 0, "1");
    publish("call.update", 0, "1");
    hub.instanceChanged(put("1", disabled, { name: "desk" }));
    publish("label.update", 0, "1");
    entries.delete("1");
    hub.instanceDeleted("1", { accountId: "a", name: "desk", nameTaken: false });
    publish("label.update", 0, "1");
    await settle();
    expect(tale(reader)).toEqual([
      "hello",
      ...Array(2).fill("config_changed"),
      "desk 3",
      ...Array(2).fill("config_changed"),
    ]);
    const nothing = { events: [], mediaBase64: false };
    expect(controls(reader).slice(1)).toMatchObject([
      { change: "created", instance: "desk", enabled: false, filter: nothing },
      { change: "changed", instance: "desk", enabled: true, filter: { events: ["label.update"], mediaBase64: false } },
      { change: "changed", instance: "desk", enabled: false, filter: nothing },
      { change: "deleted", instance: "desk", enabled: false, filter: nothing, configurationVersion: 0 },
    ]);
    expect(tale(other)).toEqual(["hello"]);
  });

  it("stands beside the consumers of its instances: each gets an event once", async () => {
    const { put, findEntry } = createEntries();
    const { hub, open, openPlain, publish } = createHub({ findEntry });
    const first = put("1");
    const [reader, single, plain] = [open(undefined, account), open(undefined, first), openPlain()];
    for (let i = 0; i < 300; i++) publish("label.update", 0, "1");
    await settle();
    for (const connection of [reader, single]) expect(story(connection)).toHaveLength(301);
    expect(plain.received).toHaveLength(300);
    expect(hub.takers(first, "label.update")).toBe(3);
    reader.close();
    await settle();
    expect(hub.takers(first, "label.update")).toBe(2);
  });

  it("counts as a taker of what the filter of an instance takes, and of nothing else", async () => {
    const { put, findEntry } = createEntries();
    const { hub, open } = createHub({ findEntry });
    open(undefined, account, bitsOf("label.update"));
    expect(hub.takers(put("1"), "label.update")).toBe(1);
    expect(hub.takers(put("1"), "call.update")).toBe(0);
    expect(hub.takers(put("2", { ...all, events: ["call.update"] }), "label.update")).toBe(0);
    expect(hub.takers(put("3", disabled), "label.update")).toBe(0);
    expect(hub.takers(put("4", all, { accountId: "b" }), "label.update")).toBe(0);
  });

  it("narrows what it gets of all instances, and widens it again", async () => {
    const { put, findEntry } = createEntries();
    const { hub, open, publish } = createHub({ findEntry });
    put("1");
    put("2", { ...all, events: ["call.update"] });
    const reader = open(undefined, account);
    await settle();
    hub.narrow(reader.consumer, bitsOf("call.update"));
    await settle();
    publish("label.update", 0, "1");
    publish("call.update", 0, "2");
    hub.narrow(reader.consumer, bitsOf(...eventTypes));
    await settle();
    publish("label.update", 0, "1");
    await settle();
    expect(tale(reader)).toEqual(["hello", "narrowed", "2 2", "narrowed", "1 3"]);
  });

  it("is told of a gap in one instance by its name, and of a gap in all of them", async () => {
    const { put, findEntry } = createEntries();
    const { open, loseEvents } = createHub({ findEntry });
    put("1", all, { name: "desk" });
    put("strange", all, { accountId: "b" });
    const reader = open(undefined, account);
    const span = { from: 0, until: 1 };
    loseEvents({ reason: "bus_lost", ...span, missed: 3, accountId: "a", instanceId: "1" });
    loseEvents({ reason: "bus_lost", ...span, missed: 3, accountId: "b", instanceId: "strange" });
    loseEvents({ reason: "bus_lost", ...span, missed: 1, accountId: "a" });
    loseEvents({ reason: "bus_interrupted", ...span });
    await settle();
    expect(controls(reader).slice(1)).toMatchObject([
      { control: "gap", reason: "bus_lost", instance: "desk", missed: 3 },
      { control: "gap", reason: "bus_lost", instance: null, missed: 1 },
      { control: "gap", reason: "bus_interrupted", instance: null, missed: null },
    ]);
  });

  it("is closed with its token, and stays when an instance is deleted", async () => {
    const { put, findEntry } = createEntries();
    const { hub, closed, open } = createHub({ findEntry });
    put("1");
    const reader = open(undefined, account);
    hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
    await settle();
    expect(reader.ended).toBeUndefined();
    hub.principalRevoked(principal);
    await settle();
    expect(lastControl(reader)).toMatchObject({ control: "closing", code: 4001 });
    expect(reader.ended?.code).toBe(4001);
    expect(closed).toMatchObject([{ code: 4001, accountId: "a" }]);
    expect(closed[0]).not.toHaveProperty("instance");
  });

  it("is refused while a node of an older release is on the bus, and closed with 4500 when one joins", async () => {
    const { hub, open, openPlain, joinOlderNode } = createHub();
    const reservation = hub.reserve(account, controlFormat);
    expect(() => reservation.check()).not.toThrow();
    const [reader, single, plain] = [open(undefined, account), open(), openPlain()];
    joinOlderNode();
    await settle();
    expect(lastControl(reader)).toMatchObject({ control: "closing", code: 4500, reconnect: true });
    expect(reader.ended?.code).toBe(4500);
    for (const other of [single, plain]) expect(other.ended).toBeUndefined();
    expect(() => reservation.check()).toThrow("older release");
    expect(() => hub.reserve(entry("1"), controlFormat).check()).not.toThrow();
  });
});

describe("with 10,000 instances", () => {
  const count = 10_000;

  it("one subscription on the bus serves them, and each event passes the filter of its own instance", async () => {
    const { put, findEntry } = createEntries();
    const [, createHub] = controlHubs[0] as (typeof controlHubs)[number];
    const { bus, open } = createHub({ findEntry, pendingBytesMax: 1e9 });
    const subscribed: string[] = [];
    const { subscribe, subscribeAccount } = bus;
    bus.subscribe = (...args) => {
      subscribed.push("instance");
      return subscribe(...args);
    };
    bus.subscribeAccount = (...args) => {
      subscribed.push("account");
      return subscribeAccount(...args);
    };
    const filters = Array.from({ length: count }, (_, n) => {
      const [seed] = fc.sample(fc.record({ enabled: fc.boolean(), events: fc.subarray([...eventTypes]) }), {
        numRuns: 1,
        seed: n,
      });
      const { enabled, events } = seed as { enabled: boolean; events: EventType[] };
      const takes = (type: EventType) => enabled && (events.length === 0 || events.includes(type));
      put(`${n}`, { enabled, events, mediaBase64: false });
      return takes;
    });
    const reader = open(undefined, account);
    await settle();
    const wanted = ["hello"];
    for (let round = 0; round < 2; round++)
      for (let n = 0; n < count; n++) {
        const type = eventTypes[(n * 7 + round) % eventTypes.length] as EventType;
        bus.publish({ ...stamp, instanceId: `${n}`, type, data: Buffer.from(`{"n":${round}}`) });
        if (filters[n]?.(type)) wanted.push(`${n} ${round}`);
        if (n % 50 === 0) await settle(1);
      }
    await settle();
    expect(wanted.length).toBeGreaterThan(count / 2);
    expect(tale(reader)).toEqual(wanted);
    expect(subscribed).toEqual(["account"]);
  });
});
