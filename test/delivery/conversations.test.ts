/** What a single consumer is told: answers to its messages, and why its connection ends. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { messageTooBig, shuttingDown } from "../../src/domain/closes.js";
import type { Principal } from "../../src/domain/instance.js";
import type { History } from "../../src/history/history.js";
import { createMemoryHistory } from "../../src/history/memory-history.js";
import { controlHubs, controls, lastControl, story } from "../support/control-hub.js";
import { settle, upTo } from "../support/fake-hub.js";

afterEach(() => void vi.useRealTimers());

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.each(controlHubs)("over %s", (_, createHub) => {
  describe("pong", () => {
    it("answers the pings of a turn once", async () => {
      const { hub, open } = createHub();
      const [asks, other] = [open(), open()];
      await settle();
      for (let i = 0; i < 50; i++) hub.answerPing(asks.consumer);
      await settle();
      hub.answerPing(asks.consumer);
      await settle();
      expect(story(asks)).toEqual(["hello", "pong", "pong"]);
      expect(lastControl(asks)).toEqual({ control: "pong", time: expect.stringMatching(time) });
      expect(story(other)).toEqual(["hello"]);
    });

    it("comes once a blocked consumer has caught up, however often it asked", async () => {
      const { hub, open, publish } = createHub();
      const reader = open(0);
      for (let i = 0; i < 20; i++) publish("label.update", 1_000);
      await settle();
      for (let i = 0; i < 20; i++) {
        hub.answerPing(reader.consumer);
        hub.misunderstood(reader.consumer, `number ${i}`);
        if (i === 8) break;
        await settle(2);
      }
      reader.drain(5_000);
      await settle();
      expect(controls(reader)).toHaveLength(1);
      reader.drain(Number.POSITIVE_INFINITY);
      await settle();
      expect(story(reader)).toEqual(["hello", ...upTo(20), "error", "pong"]);
      expect(controls(reader)[1]).toEqual({ control: "error", message: "number 8" });
    });

    it("stands after the broadcast of the turn, whatever the connection took of it", async () => {
      const { hub, open, publish } = createHub();
      const readers = [0, 150, 700, 1e9].map((room) => open(room));
      await settle();
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < 5; i++) publish("label.update", 50);
        await settle(1);
        for (const { consumer } of readers) hub.answerPing(consumer);
        for (const reader of readers) reader.drain(400);
        await settle(3);
      }
      for (const reader of readers) reader.drain(1e9);
      await settle();
      for (const reader of readers) {
        expect(story(reader).filter((one) => typeof one === "number")).toEqual(upTo(100));
        expect(story(reader)).toContain("pong");
      }
    });
  });

  describe("error", () => {
    it("says what is wrong in 200 characters, and the tenth within a minute closes with 4000", async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
      const { hub, open, closed } = createHub();
      const reader = open();
      await settle();
      const connection = hub.connectionId(reader.consumer);
      const err = async (times: number): Promise<void> => {
        for (let i = 0; i < times; i++) {
          hub.misunderstood(reader.consumer, "x".repeat(1_000));
          await settle(2);
        }
      };
      await err(9);
      expect(story(reader)).toEqual(["hello", ...Array.from({ length: 9 }, () => "error")]);
      expect(lastControl(reader)?.message).toBe("x".repeat(200));
      vi.advanceTimersByTime(60_001);
      await err(9);
      expect(reader.ended).toBeUndefined();
      await err(1);
      expect(reader.ended?.code).toBe(4000);
      expect(lastControl(reader)).toMatchObject({ control: "closing", code: 4000, reconnect: false, retryAfterMs: 0 });
      expect(closed).toMatchObject([{ code: 4000, connection, outcome: "told" }]);
      await err(3);
      expect(hub.stats.closes).toEqual(new Map([[4000, 1]]));
    });
  });

  describe("closing", () => {
    it("is the last frame, after all events of before, and says whether and when to come back", async () => {
      const { hub, open, publish } = createHub();
      const reader = open();
      for (let i = 0; i < 150; i++) publish();
      const closed = hub.close(shuttingDown, 0);
      await settle(100);
      await closed;
      expect(story(reader)).toEqual(["hello", ...upTo(150), "closing"]);
      expect(reader.ended?.code).toBe(1001);
      const { retryAfterMs, ...rest } = lastControl(reader) ?? {};
      expect(Object.entries(rest)).toEqual([
        ["control", "closing"],
        ["code", 1001],
        ["reason", "shutting down"],
        ["reconnect", true],
        ["waitingFrames", 0],
        ["waitingBytes", 0],
        ["position", null],
      ]);
      expect(retryAfterMs).toBeGreaterThanOrEqual(0);
      expect(retryAfterMs).toBeLessThan(5_000);
    });

    it.each([true, false])(
      "has the position of the last event, and none when that event had none: %s",
      async (hasPositions) => {
        let isThere = true;
        const kept = createMemoryHistory({ seconds: 60, events: 10, bytes: 1_000_000 });
        const history: History = {
          ...kept,
          follow: (scope, handler) =>
            kept.follow(scope, (event, position) => handler(event, isThere ? position : undefined)),
        };
        const { hub, open, publish } = createHub({ history });
        const reader = open();
        await settle();
        publish();
        await settle();
        isThere = hasPositions;
        publish();
        await settle();
        const closed = hub.close(shuttingDown, 0);
        await settle(100);
        await closed;
        const frames = reader.received.map((text) => JSON.parse(text));
        const [first, last, closing] = frames.slice(-3);
        expect(first.position).toEqual(expect.any(String));
        expect(closing.position).toBe(hasPositions ? last.position : null);
        await kept.close();
      },
    );

    it("says what waited for a slow consumer that drains in time, and a random time of one to five seconds", async () => {
      const { hub, open, publish } = createHub();
      const readers = Array.from({ length: 20 }, () => open(0));
      for (let i = 0; i < 256; i++) publish("label.update", 100);
      await settle();
      expect(hub.stats.closes.get(4008)).toBe(20);
      for (const { consumer } of readers) {
        hub.answerPing(consumer);
        hub.misunderstood(consumer, "too late");
        hub.narrow(consumer, 1);
      }
      for (const reader of readers) reader.drain(Number.POSITIVE_INFINITY);
      await settle();
      for (const reader of readers) {
        expect(controls(reader).map(({ control }) => control)).toEqual(["hello", "closing"]);
        expect(lastControl(reader)).toMatchObject({ code: 4008, reconnect: true, waitingFrames: 257 });
        expect(lastControl(reader)?.waitingBytes).toBeGreaterThan(257 * 100);
      }
      const waits = readers.map((reader) => lastControl(reader)?.retryAfterMs as number);
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(1_000);
      expect(Math.max(...waits)).toBeLessThan(5_000);
      expect(new Set(waits).size).toBeGreaterThan(10);
    });

    it("does not reach a blocked consumer that never drains: it is cut", async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const { open, publish } = createHub();
      const reader = open(300);
      for (let i = 0; i < 300; i++) publish("label.update", 1_000);
      await settle();
      vi.advanceTimersByTime(60_000);
      expect([reader.wasCut, reader.ended]).toEqual([true, undefined]);
      expect(controls(reader).map(({ control }) => control)).not.toContain("closing");
    });

    it("follows hello when the close is decided before the first turn", async () => {
      const { hub, open } = createHub();
      const own: Principal = { kind: "instance", id: "1", accountId: "a", revoked: false };
      const [tooBig, gone] = [open(), open()];
      hub.end(tooBig.consumer, messageTooBig);
      gone.close();
      hub.principalRevoked(own);
      await settle();
      expect(story(tooBig)).toEqual(["hello", "closing"]);
      expect(gone.received).toEqual([]);
      expect(hub.connectionId(tooBig.consumer)).toBeUndefined();
    });
  });
});
