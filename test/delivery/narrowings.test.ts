/** A consumer that narrows what it gets: nothing is lost or doubled between the old filter and the new one. */

import { describe, expect, it } from "vitest";
import { allTypes } from "../../src/domain/filter.js";
import { bitsOf, controlHubs, lastControl, story } from "../support/control-hub.js";
import { all, entry, settle, upTo } from "../support/fake-hub.js";
import { stamp } from "../support/stamp.js";

const calls = bitsOf("call.update");
const labels = bitsOf("label.update");

describe.each(controlHubs)("over %s", (_, createHub) => {
  it("takes what was accepted before by the old filter, then says so, then goes on with the new one", async () => {
    const { hub, open, publish } = createHub();
    const [reader, other] = [open(), open()];
    publish("call.update");
    publish("label.update");
    hub.narrow(reader.consumer, calls);
    publish("label.update");
    await settle();
    publish("label.update");
    publish("call.update");
    await settle();
    expect(story(reader)).toEqual(["hello", 1, 2, 3, "narrowed", 5]);
    expect(lastControl(reader)).toEqual({
      control: "narrowed",
      filter: { events: ["call.update"], mediaBase64: false },
    });
    expect(story(other)).toEqual(["hello", ...upTo(5)]);
  });

  it("shares the stream of those with the same filter, and a stream ends with its last consumer", async () => {
    const { hub, open, publish } = createHub();
    const [first, second] = [open(undefined, entry("1"), calls), open()];
    await settle();
    hub.narrow(second.consumer, calls);
    await settle();
    publish("call.update");
    publish("label.update");
    await settle();
    expect(hub.stats).toMatchObject({ framesBuilt: 1, filtered: 1 });
    expect([story(first), story(second)]).toEqual([
      ["hello", 1],
      ["hello", "narrowed", 1],
    ]);
    hub.narrow(first.consumer, labels);
    hub.narrow(second.consumer, labels);
    await settle();
    publish("call.update");
    publish("label.update");
    await settle();
    expect(hub.stats).toMatchObject({ framesBuilt: 2, filtered: 2 });
    expect([story(first).slice(2), story(second).slice(3)]).toEqual([
      ["narrowed", 4],
      ["narrowed", 4],
    ]);
    for (const { consumer } of [first, second])
      expect(hub.takers(entry("1"), "label.update") && consumer.open).toBe(true);
  });

  it("answers several narrowings of a turn once, by the last", async () => {
    const { hub, open, publish } = createHub();
    const reader = open();
    hub.narrow(reader.consumer, calls);
    hub.narrow(reader.consumer, allTypes);
    hub.narrow(reader.consumer, labels);
    await settle();
    publish("call.update");
    publish("label.update");
    await settle();
    expect(story(reader)).toEqual(["hello", "narrowed", 2]);
  });

  it("answers a narrowing to what is so already", async () => {
    const { hub, open, publish } = createHub();
    const [free, blocked] = [open(), open(0)];
    publish();
    await settle();
    for (const { consumer } of [free, blocked]) hub.narrow(consumer, allTypes);
    publish();
    await settle();
    publish();
    await settle();
    blocked.drain(Number.POSITIVE_INFINITY);
    await settle();
    for (const reader of [free, blocked]) expect(story(reader)).toEqual(["hello", 1, 2, "narrowed", 3]);
  });

  it("may leave nothing of the owner's filter, and then follows when the owner widens it", async () => {
    const { hub, open, publish } = createHub();
    const reader = open(undefined, entry("1", { ...all, events: ["label.update"] }));
    hub.narrow(reader.consumer, calls);
    await settle();
    expect(lastControl(reader)?.filter).toEqual({ events: [], mediaBase64: false });
    publish("call.update");
    hub.instanceChanged(entry("1"));
    publish("call.update");
    await settle();
    expect(story(reader)).toEqual(["hello", "narrowed", "config_changed", 2]);
  });

  it("need not wait until a blocked consumer has caught up: what is parked stays before it", async () => {
    const { hub, open, publish, buffered } = createHub();
    const [slow, quick] = [open(0), open()];
    for (let i = 0; i < 50; i++) publish("label.update", 1_000);
    await settle();
    hub.narrow(slow.consumer, calls);
    await settle();
    for (let i = 0; i < 100; i++) publish(i % 2 === 0 ? "label.update" : "call.update", 1_000);
    await settle();
    hub.narrow(slow.consumer, labels);
    await settle();
    for (let i = 0; i < 100; i++) publish(i % 2 === 0 ? "label.update" : "call.update", 1_000);
    for (let i = 0; i < 30; i++) {
      await settle();
      slow.drain(7_000);
    }
    slow.drain(Number.POSITIVE_INFINITY);
    await settle();
    const even = upTo(150)
      .slice(50)
      .filter((n) => n % 2 === 0);
    const odd = upTo(250)
      .slice(150)
      .filter((n) => n % 2 === 1);
    expect(story(slow)).toEqual(["hello", ...upTo(50), "narrowed", ...even, "narrowed", ...odd]);
    expect(story(quick)).toEqual(["hello", ...upTo(250)]);
    expect(buffered.bytes).toBe(0);
  });

  it("keeps the 256: what is parked of the old filter, its answer, and what the new one takes", async () => {
    const { hub, open, publish } = createHub();
    const slow = open(0);
    for (let i = 0; i < 200; i++) publish();
    await settle();
    hub.narrow(slow.consumer, calls);
    await settle();
    for (let i = 0; i < 54; i++) publish("call.update");
    publish("label.update");
    await settle();
    expect(hub.stats.closes.size).toBe(0);
    publish("call.update");
    await settle();
    expect(hub.stats.closes.get(4008)).toBe(1);
  });

  it("closes a consumer for which 256 frames wait already, since the answer would be one more", async () => {
    const { hub, open, publish } = createHub();
    const slow = open(0);
    for (let i = 0; i < 255; i++) publish();
    await settle();
    hub.narrow(slow.consumer, calls);
    await settle();
    expect(hub.stats.closes.get(4008)).toBe(1);
    slow.drain(Number.POSITIVE_INFINITY);
    await settle();
    expect(lastControl(slow)).toMatchObject({ control: "closing", waitingFrames: 257 });
  });

  it("counts in the 256 what a connection holds of the broadcast and of the answer in one turn", async () => {
    for (const room of [0, 300, 700, 1_200, 1_500, 1_700, 1_800, 1_900, 2_500]) {
      const { hub, open, publish } = createHub();
      const slow = open(room);
      await settle();
      for (let i = 0; i < 10; i++) publish("call.update", 50);
      hub.narrow(slow.consumer, calls);
      await settle();
      const waiting = 12 - slow.received.length;
      for (let i = waiting; i < 256; i++) publish("call.update", 5_000);
      await settle(100);
      const taken = slow.received.length - 12 + waiting;
      for (let i = 0; i < taken; i++) publish("call.update", 5_000);
      await settle(100);
      expect(hub.stats.closes.size).toBe(0);
      publish("call.update", 5_000);
      await settle(100);
      expect(hub.stats.closes.get(4008)).toBe(1);
    }
  });

  it("leads to a stream that its last consumer leaves meanwhile", async () => {
    const { hub, open, publish } = createHub();
    const [stays, moves, leaves] = [open(), open(), open(undefined, entry("1"), calls)];
    for (let i = 0; i < 600; i++) publish("label.update", 1_000);
    await settle(1);
    hub.narrow(moves.consumer, calls);
    await settle(1);
    leaves.close();
    await settle(200);
    publish("call.update");
    await settle();
    expect(story(moves)).toEqual(["hello", ...upTo(600), "narrowed", 601]);
    expect(story(stays)).toEqual(["hello", ...upTo(601)]);
  });

  it("is exact while more frames wait than a turn gives, and the others of both streams miss nothing", async () => {
    const { hub, open, publish } = createHub({ pendingBytesMax: 1e9 });
    const [stays, moves, narrow] = [open(), open(), open(undefined, entry("1"), calls)];
    await settle();
    let sent = 0;
    const burst = (count: number): void => {
      for (let i = 0; i < count; i++) publish(sent++ % 3 === 0 ? "label.update" : "call.update", 300);
    };
    burst(1_000);
    await settle(1);
    hub.narrow(moves.consumer, calls);
    burst(10);
    await settle(1);
    const cut = sent;
    for (let i = 0; i < 5 || !story(moves).includes("narrowed"); i++) {
      burst(100);
      await settle(1);
    }
    hub.narrow(narrow.consumer, allTypes);
    await settle(1);
    const widened = sent;
    burst(100);
    await settle(200);
    const isCall = (n: number): boolean => (n - 1) % 3 !== 0;
    expect(story(stays)).toEqual(["hello", ...upTo(sent)]);
    expect(story(moves)).toEqual(["hello", ...upTo(cut), "narrowed", ...upTo(sent).slice(cut).filter(isCall)]);
    const wide = upTo(sent).slice(widened);
    expect(story(narrow)).toEqual(["hello", ...upTo(widened).filter(isCall), "narrowed", ...wide]);
    expect(hub.stats.closes.size).toBe(0);
  });

  it("ends with a consumer that leaves before its narrowing took effect", async () => {
    const { bus, hub, open, publish } = createHub();
    const [stays, leaves] = [open(), open()];
    for (let i = 0; i < 600; i++) publish("label.update", 1_000);
    await settle(1);
    hub.narrow(leaves.consumer, calls);
    await settle(1);
    leaves.close();
    await settle(200);
    publish("call.update");
    await settle();
    expect(hub.stats.framesBuilt).toBe(601);
    expect(story(stays)).toEqual(["hello", ...upTo(601)]);
    stays.close();
    await settle();
    const data = Buffer.from("{}");
    expect(bus.publish({ ...stamp, instanceId: "1", type: "call.update", data })).toBe(false);
  });
});
