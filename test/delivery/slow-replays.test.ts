/** Consumers that read older events of the history: how their pace, the limits of the history and their close play together. */

import { afterEach, describe, expect, it } from "vitest";
import type { Event } from "../../src/bus/bus.js";
import { SharedFrames } from "../../src/delivery/shared-frames.js";
import type { History } from "../../src/history/history.js";
import { createMemoryHistory } from "../../src/history/memory-history.js";
import { eventOf } from "../support/bus-suite.js";
import { controlHubs, controls, lastControl, positionFormat } from "../support/control-hub.js";
import { entry, type FakeConnection, settle, upTo } from "../support/fake-hub.js";
import { realHub } from "../support/real-hub.js";
import { until } from "../support/until.js";

const ofOne = { accountId: "a", instanceId: "1" };

function historyOf(events = 10_000, bytes = 1e9) {
  return createMemoryHistory({ seconds: 60, events, bytes });
}

const numbers = ({ received }: FakeConnection): number[] =>
  received.map((text) => JSON.parse(text).data?.n).filter((n) => n !== undefined);

describe.each(controlHubs)("over %s, a consumer that reads older events", (_, createHub) => {
  it("is not cut for the hundreds of frames that wait, nor for those that come meanwhile", async () => {
    const { hub, open, publish } = createHub({ history: historyOf(), pendingBytesMax: 100_000 });
    const witness = open();
    await settle();
    const after = String(controls(witness)[0]?.position);
    for (let n = 0; n < 600; n++) publish("label.update", 1_000);
    await settle();
    const slow = open(2_000, entry("1"), undefined, { after });
    await settle();
    for (let n = 0; n < 600; n++) publish("label.update", 1_000);
    await settle();
    expect(hub.stats.closes.size).toBe(0);
    for (let i = 0; i < 100; i++) {
      slow.drain(20_000);
      await settle(4);
    }
    expect(numbers(slow)).toEqual(upTo(1_200));
    expect(controls(slow)).toMatchObject([{ control: "hello", resumed: true, replayed: 600 }]);
    publish();
    await settle();
    expect(numbers(slow).at(-1)).toBe(1_201);
  });

  it("is closed, and joins nothing, when another history has begun while it did not read", async () => {
    const [former, anew] = [historyOf(), historyOf()];
    let hasBegun = false;
    const history: History = {
      ...former,
      follow(scope, handler) {
        const [before, after] = [former.follow(scope, handler), anew.follow(scope, () => {})];
        const now = () => (hasBegun ? after : before);
        return {
          ...before,
          get position() {
            return now().position;
          },
          resume: (position) => now().resume(position),
          after: (sequence, max) => now().after(sequence, max),
        };
      },
    };
    const { open, publish } = createHub({ history });
    const witness = open();
    await settle();
    const after = String(controls(witness)[0]?.position);
    for (let n = 0; n < 200; n++) publish("label.update", 1_000);
    await settle();
    const slow = open(10_000, entry("1"), undefined, { after });
    await settle();
    hasBegun = true;
    slow.drain(1e9);
    await settle();
    expect(numbers(slow).length).toBeLessThan(200);
    expect(lastControl(slow)).toMatchObject({ control: "closing", reconnect: true });
  });

  it.each([
    ["events", historyOf(100)],
    ["bytes", historyOf(10_000, 200_000)],
  ])(
    "is closed as a slow consumer, and misses none in between, when the history drops its next event: %s",
    async (_limit, history) => {
      const { hub, open, publish } = createHub({ history });
      const witness = open();
      await settle();
      const after = String(controls(witness)[0]?.position);
      for (let n = 0; n < 50; n++) publish("label.update", 1_000);
      await settle();
      const slow = open(10_000, entry("1"), undefined, { after });
      await settle();
      for (let n = 0; n < 300; n++) publish("label.update", 1_000);
      await settle();
      slow.drain(1e9);
      await settle();
      const got = numbers(slow);
      expect(got).toEqual(upTo(got.length));
      expect(got.length).toBeLessThan(50);
      expect(lastControl(slow)).toMatchObject({ control: "closing", code: 4008, reconnect: true });
      expect(hub.stats.closes.get(4008)).toBe(1);
      const last = slow.received.map((text) => JSON.parse(text)).findLast(({ event }) => event !== undefined);
      expect(lastControl(slow)?.position).toBe(last.position);
      const again = open(1e9, entry("1"), undefined, { after: last.position });
      await settle();
      expect(controls(again)).toMatchObject([{ resumed: false }, { control: "gap", reason: "history_expired" }]);
    },
  );
});

it("consumers that read as slowly as others share the large frames, and build the small ones", () => {
  const frames = new SharedFrames();
  const builds: boolean[] = [];
  const build = ({ data }: Event, media: boolean) => {
    builds.push(media);
    return Buffer.alloc(data.length);
  };
  const keep = (bytes: number) => ({
    sequence: 1,
    event: eventOf("1", 1, { data: Buffer.alloc(bytes) }),
    position: "e.1.0",
  });
  const [large, small] = [keep(100_000), keep(100)];
  const frame = frames.frameOf(large, build, false);
  expect(frames.frameOf(large, build, false) === frame).toBe(true);
  expect(frames.frameOf(large, build, true) === frame).toBe(false);
  expect(frames.frameOf(keep(100_000), build, false) === frame).toBe(false);
  expect(builds).toEqual([false, true, false]);
  frames.frameOf(small, build, false);
  frames.frameOf(small, build, false);
  expect(builds).toHaveLength(5);
});

describe("on real kernel buffers", () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  });

  it("a reader that stops while it gets older events gets each of them once when it reads again", async () => {
    const history = historyOf();
    cleanups.push(() => void history.close());
    const following = history.follow(ofOne, () => {});
    const { after } = following.resume(following.position ?? "") as { after: number };
    expect(after).toBeGreaterThan(0);
    const position = following.position;
    following.stop();
    const { hub, publish, connect } = await realHub(cleanups, undefined, positionFormat, history);
    const witness = await connect();
    await publish((n) => (n % 10 === 0 ? 200_000 : 2_000), 400);
    await witness.has(400);
    const slow = await connect(position);
    slow.client.pause();
    await until(() => slow.consumer.blocked);
    await publish(() => 2_000, 400);
    await witness.has(800);
    expect(hub.stats.closes.size).toBe(0);
    slow.client.resume();
    await slow.has(800);
    expect(slow.got).toEqual(upTo(800));
  });
});
