/** Consumers on streams of Node: the rule of 256 on real connections, and how a stream ends. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { wholeView } from "../../src/delivery/view.js";
import { addWritable, WritableFanOut } from "../../src/transport/node/fan-out.js";
import { entry, fakeStreamHub, plainFormat, principal, settle, upTo } from "../support/fake-hub.js";
import { framedFormat } from "../support/framed-format.js";
import { MeteredStream } from "../support/metered-stream.js";
import { realStreams, streamProtocols } from "../support/real-streams.js";
import { until } from "../support/until.js";

const cleanups: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const sizes: [string, (i: number) => number][] = [
  ["200 B", () => 200],
  ["17 KiB", () => 17 * 1024],
  ["200 KiB", () => 200 * 1024],
  ["mixed", (i) => [200, 17 * 1024, 3, 70_000, 15_900][i % 5] as number],
];
const cases = sizes.flatMap(([name, size]) => [1, 30].map((perTurn) => ({ name, size, perTurn })));

describe.each(streamProtocols)("over $name", (protocol) => {
  it.each(cases)(
    "lets 256 frames of $name wait for a stalled reader, and all arrive when it wakes ($perTurn a turn)",
    async ({ size, perTurn }) => {
      const { publish, connect, published, buffered } = await realStreams(protocol, cleanups);
      const [slow, quick] = [await connect(), await connect()];
      slow.stream.pause();
      while (!slow.consumer.blocked) await publish(size, perTurn);
      for (let waiting = 2 * perTurn; waiting + perTurn <= 256; waiting += perTurn) await publish(size, perTurn);
      slow.stream.resume();
      await Promise.all([slow.has(published()), quick.has(published())]);
      expect(slow.got).toEqual(upTo(published()));
      expect(quick.got).toEqual(upTo(published()));
      await until(() => buffered.bytes === 0);
    },
  );

  it.each(cases)(
    "cuts it at the 257th waiting frame of $name with 4008, and its neighbour gets everything ($perTurn a turn)",
    async ({ size, perTurn }) => {
      const { hub, publish, connect, published } = await realStreams(protocol, cleanups);
      const [slow, quick] = [await connect(), await connect()];
      slow.stream.pause();
      while (!hub.stats.closes.has(4008)) await publish(size, perTurn);
      slow.stream.resume();
      expect(await slow.closed).toEqual({ code: 4008, reason: "slow consumer" });
      expect(slow.got).toEqual(upTo(slow.got.length));
      // 256 waited. Of those, what the stream held (32 at most) still arrived before the close.
      const lost = published() - slow.got.length;
      expect(lost).toBeLessThan(256 + perTurn + 1);
      expect(lost).toBeGreaterThan(256 - 33);
      await quick.has(published());
      expect(quick.got).toEqual(upTo(published()));
    },
  );

  it("loses nothing and never stalls while a stream drains and fills thirty times", async () => {
    const { publish, connect, published } = await realStreams(protocol, cleanups);
    const reader = await connect();
    const mixed = (i: number): number => [17 * 1024, 40, 300_000, 16_384, 15_000][i % 5] as number;
    for (let round = 0; round < 30; round++) {
      reader.stream.pause();
      while (!reader.consumer.blocked) await publish(round % 2 === 0 ? mixed : () => 900, 1 + (round % 3) * 8);
      await publish((i) => (i % 2 === 0 ? 17_000 : 100), 75);
      await publish(() => 100, 75);
      reader.stream.resume();
      await reader.has(published());
    }
    expect(reader.got).toEqual(upTo(published()));
  });

  it("does not take a reader for a slow one that reads all of 1,000 frames at once", async () => {
    const { hub, publish, connect, published } = await realStreams(protocol, cleanups);
    const readers = [await connect(), await connect()];
    await publish(() => 300, 1_000);
    for (const reader of readers) {
      await reader.has(published());
      expect(reader.got).toEqual(upTo(1_000));
    }
    expect(hub.stats.closes.size).toBe(0);
  });

  it("says why after the frames of the turn, and forgets a reader that leaves", async () => {
    const { hub, publish, connect, published } = await realStreams(protocol, cleanups);
    const [stays, leaves] = [await connect(), await connect()];
    await publish(() => 100);
    leaves.leave();
    await until(() => hub.stats.consumers === 1);
    const last = publish(() => 1_000, 50);
    hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
    await last;
    expect(await stays.closed).toEqual({ code: 4004, reason: "instance deleted" });
    expect(stays.got).toEqual(upTo(published()));
    expect(hub.stats.consumers).toBe(0);
  });
});

describe("a stream", () => {
  it("takes a large frame whole, counts it as one that waits, and ends after it", async () => {
    const { hub, open, publish, numbers } = fakeStreamHub({ pendingBytesMax: 1e9 });
    const slow = open(40_000);
    publish("label.update", 100_000);
    for (let i = 0; i < 255; i++) publish();
    await settle();
    expect([slow.received.length, hub.stats.closes.size]).toEqual([0, 0]);
    publish();
    await settle();
    expect(hub.stats.closes.get(4008)).toBe(1);
    slow.drain(1e9);
    await settle();
    expect([numbers(slow), slow.ended?.code]).toEqual([[1], 4008]);
  });

  it("is pinged when it is silent, and cut when its peer answers no ping", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    const { open, closed } = fakeStreamHub({ idleSeconds: 48 });
    const [alive, dead] = [open(), open()];
    dead.onPong = () => {};
    for (let second = 0; second < 60; second++) {
      vi.advanceTimersByTime(1_000);
      await settle(1);
    }
    expect([alive.wasCut, dead.wasCut, dead.pings]).toEqual([false, true, 1]);
    expect(closed).toMatchObject([{ code: 1006, reason: "no sign of life", outcome: "cut" }]);
  });

  it("is destroyed when it does not end in its time, and the hub does not wait for that", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { hub, publish } = fakeStreamHub();
    const view = wholeView(framedFormat(plainFormat), new WritableFanOut({ endMsMax: 10_000 }));
    const stream = new MeteredStream(0);
    addWritable(hub, stream, entry("1"), principal, view);
    publish("label.update", 1_000);
    await settle();
    hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
    await settle();
    expect([stream.ended?.code, hub.stats.consumers, stream.writable.destroyed]).toEqual([4004, 0, false]);
    vi.advanceTimersByTime(10_000);
    expect(stream.writable.destroyed).toBe(true);
  });
});
