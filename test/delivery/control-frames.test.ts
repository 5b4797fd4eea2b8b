/** What consumers that asked for control frames are told, in what order, and that the others are told nothing. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { eventTypes } from "../../src/domain/event-type.js";
import { allTypes } from "../../src/domain/filter.js";
import { bitsOf, controlHubs, controls, lastControl, story } from "../support/control-hub.js";
import { all, entry, settle, upTo } from "../support/fake-hub.js";

afterEach(() => void vi.useRealTimers());

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.each(controlHubs)("over %s", (_, createHub) => {
  describe("hello", () => {
    it("is the first frame, with every member in the order of the contract", async () => {
      const { hub, open, publish } = createHub({ pendingBytesMax: 1_000_000, idleSeconds: 48 });
      const at = entry("1", { ...all, events: ["label.update", "call.update"], mediaBase64: true });
      const reader = open(undefined, at, bitsOf("label.update", "group.flow"));
      publish();
      await settle();
      expect(story(reader)).toEqual(["hello", 1]);
      const [hello] = controls(reader);
      expect(Object.entries(hello ?? {})).toEqual([
        ["control", "hello"],
        ["connection", expect.stringMatching(uuid)],
        ["instance", "1"],
        ["filter", { events: ["label.update"], mediaBase64: true }],
        ["configurationVersion", 1],
        ["history", null],
        ["position", null],
        ["resumed", null],
        ["resumeRefusal", null],
        ["replayed", 0],
        ["heartbeatSeconds", 24],
        ["waitingFramesMax", 256],
        ["waitingBytesMax", 1_000_000],
        ["time", expect.stringMatching(time)],
        ["previous", null],
      ]);
      expect(hub.connectionId(reader.consumer)).toBe(hello?.connection);
    });

    it("lists all types of a filter that takes all, and none where the wanted ones are not taken", async () => {
      const { open } = createHub();
      const [whole, none] = [
        open(),
        open(undefined, entry("2", { ...all, events: ["call.update"] }), bitsOf("group.flow")),
      ];
      await settle();
      expect(controls(whole)[0]?.filter).toMatchObject({
        events: eventTypes,
      });
      expect(controls(none)[0]?.filter).toMatchObject({ events: [] });
    });

    it("comes before the frames of a consumer that joins while others wait for their turn, and it gets none of those", async () => {
      const { open, publish } = createHub();
      const early = open();
      for (let i = 0; i < 300; i++) publish("label.update", 2_000);
      await settle(2);
      const late = open();
      for (let i = 0; i < 300; i++) publish("label.update", 2_000);
      await settle(200);
      expect(story(early)).toEqual(["hello", ...upTo(600)]);
      expect(story(late)).toEqual(["hello", ...upTo(600).slice(300)]);
    });

    it("waits like any frame on a connection that takes nothing, and events follow it", async () => {
      const { open, publish } = createHub();
      const early = open();
      for (let i = 0; i < 200; i++) publish("label.update", 2_000);
      await settle(1);
      const late = open(0);
      for (let i = 0; i < 100; i++) publish();
      await settle(100);
      late.drain(Number.POSITIVE_INFINITY);
      await settle(100);
      expect(story(early)).toEqual(["hello", ...upTo(300)]);
      expect(story(late)).toEqual(["hello", ...upTo(300).slice(200)]);
    });

    it("counts in the 256, as every frame does", async () => {
      const { hub, open, publish } = createHub();
      const reader = open(0);
      for (let i = 0; i < 255; i++) publish();
      await settle();
      expect(hub.stats.closes.size).toBe(0);
      publish();
      await settle();
      expect(hub.stats.closes.get(4008)).toBe(1);
      reader.drain(Number.POSITIVE_INFINITY);
      await settle();
      expect(reader.ended?.code).toBe(4008);
    });
  });

  it("tells a plain consumer of the same instance nothing, whatever happens", async () => {
    const { hub, open, openPlain, publish, numbers, loseEvents } = createHub();
    const [plain, other] = [openPlain(), open()];
    publish();
    hub.instanceChanged(entry("1", { ...all, events: ["label.update"] }));
    loseEvents({ reason: "bus_interrupted", from: 0, until: 1 });
    hub.narrow(plain.consumer, 0);
    hub.answerPing(plain.consumer);
    for (let i = 0; i < 20; i++) hub.misunderstood(plain.consumer, "what?");
    publish();
    await settle();
    hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
    await settle();
    expect(numbers(plain)).toEqual([1, 2]);
    expect([plain.ended?.code, hub.connectionId(plain.consumer)]).toEqual([4004, undefined]);
    expect(story(other)).toEqual(["hello", 1, "config_changed", "gap", 2, "closing"]);
  });

  describe("config_changed", () => {
    it("stands between the events of the old and of the new configuration", async () => {
      const { hub, open, publish } = createHub();
      const [reader, narrow] = [open(), open(undefined, entry("1"), bitsOf("call.update"))];
      publish("call.update");
      hub.instanceChanged(entry("1", { ...all, events: ["label.update"] }));
      publish("call.update");
      publish("label.update");
      await settle();
      expect(story(reader)).toEqual(["hello", 1, "config_changed", 3]);
      expect(Object.entries(lastControl(reader) ?? {})).toEqual([
        ["control", "config_changed"],
        ["instance", "1"],
        ["enabled", true],
        ["filter", { events: ["label.update"], mediaBase64: false }],
        ["configurationVersion", 1],
        ["change", "changed"],
      ]);
      expect(story(narrow)).toEqual(["hello", 1, "config_changed"]);
      expect(lastControl(narrow)?.filter).toEqual({ events: [], mediaBase64: false });
    });

    it("says that a channel is disabled, and that its filter stays", async () => {
      const { hub, open, publish } = createHub();
      const reader = open(undefined, entry("1", { ...all, events: ["label.update"] }));
      hub.instanceChanged(entry("1", { enabled: false, events: [], mediaBase64: false }));
      publish("call.update");
      publish("label.update");
      await settle();
      expect(story(reader)).toEqual(["hello", "config_changed", 2]);
      expect(lastControl(reader)).toMatchObject({ enabled: false, filter: { events: ["label.update"] } });
      hub.narrow(reader.consumer, bitsOf("label.update"));
      await settle();
      publish("label.update");
      await settle();
      expect(story(reader).slice(3)).toEqual(["narrowed", 3]);
    });

    it("comes with a new name, and not with a new token alone", async () => {
      const { hub, open } = createHub();
      const reader = open();
      const { instance, websocket } = entry("1");
      hub.instanceChanged({ instance: { ...instance, token: "ti_other" }, websocket });
      await settle();
      expect(story(reader)).toEqual(["hello"]);
      hub.instanceChanged({ instance: { ...instance, name: "renamed" }, websocket });
      const next = open(undefined, { instance: { ...instance, name: "renamed" }, websocket });
      await settle();
      expect(lastControl(reader)).toMatchObject({ control: "config_changed", instance: "renamed" });
      expect(controls(next)).toMatchObject([{ control: "hello", instance: "renamed" }]);
    });
  });

  describe("gap", () => {
    it("reaches every consumer when the bus was away, between the events of before and after", async () => {
      const { open, publish, loseEvents } = createHub();
      const readers = [open(), open(undefined, entry("2"))];
      for (const id of ["1", "2"]) publish("label.update", 0, id);
      loseEvents({ reason: "bus_interrupted", from: 1_000, until: 2_500 });
      for (const id of ["1", "2"]) publish("label.update", 0, id);
      await settle();
      expect(readers.map(story)).toEqual([
        ["hello", 1, "gap", 3],
        ["hello", 2, "gap", 4],
      ]);
      expect(Object.entries(lastControl(readers[0] as never) ?? {})).toEqual([
        ["control", "gap"],
        ["reason", "bus_interrupted"],
        ["from", "1970-01-01T00:00:01.000Z"],
        ["until", "1970-01-01T00:00:02.500Z"],
        ["missed", null],
        ["instance", null],
      ]);
    });

    it("names the instance and how many, when the bus knows, and tells no other instance", async () => {
      const { open, loseEvents } = createHub();
      const [one, two] = [open(), open(undefined, entry("2"))];
      const gap = { reason: "bus_lost", from: 0, until: 1, missed: 3, accountId: "a" } as const;
      loseEvents({ ...gap, instanceId: "1" });
      loseEvents({ ...gap, instanceId: "nobody is connected to it" });
      await settle();
      expect(lastControl(one)).toMatchObject({ control: "gap", reason: "bus_lost", missed: 3, instance: "1" });
      expect(story(two)).toEqual(["hello"]);
    });
  });

  describe("position", () => {
    it("comes when nothing was sent for the heartbeat's time, and not while events come", async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
      const { hub, open, publish } = createHub({ heartbeatSeconds: 20 });
      const reader = open();
      const seconds = async (count: number, each = (): void => {}): Promise<void> => {
        for (let i = 0; i < count; i++) {
          each();
          vi.advanceTimersByTime(1_000);
          await settle(3);
        }
      };
      await seconds(21);
      expect(story(reader)).toEqual(["hello", "position"]);
      expect(lastControl(reader)).toEqual({ control: "position", position: null, time: expect.stringMatching(time) });
      await seconds(60);
      expect(story(reader)).toEqual(["hello", ...Array.from({ length: 4 }, () => "position")]);
      await seconds(60, () => publish());
      expect(story(reader).slice(5)).toEqual(upTo(60));
      await seconds(20);
      expect(story(reader).slice(65)).toEqual(["position"]);
      reader.close();
      await settle();
      expect([vi.getTimerCount(), hub.stats.consumers]).toEqual([0, 0]);
    });
  });

  it("does not narrow for good: all types are the whole filter again", async () => {
    const { hub, open, publish } = createHub();
    const reader = open(undefined, entry("1"), bitsOf("call.update"));
    publish("label.update");
    hub.narrow(reader.consumer, allTypes);
    await settle();
    publish("label.update");
    await settle();
    expect(story(reader)).toEqual(["hello", "narrowed", 2]);
  });
});
