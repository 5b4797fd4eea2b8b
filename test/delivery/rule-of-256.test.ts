/** The rule of 256, whatever the connections are: what waits is counted exactly, and nothing is lost before. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hubs, settle, upTo } from "../support/fake-hub.js";

/** A turn may bring more than a stream of Node is given in 40 turns. */
const turns = 100;

describe.each(hubs)("over %s", (_, createHub) => {
  it.each([0, 17_000, 100_000])(
    "256 frames of %d extra bytes may wait for a stalled reader, and it gets them all when it wakes",
    async (size) => {
      const { hub, open, publish, numbers } = createHub({ pendingBytesMax: 1e9 });
      const [slow, quick] = [open(0), open()];
      for (let i = 0; i < 256; i++) {
        publish("label.update", size);
        await settle();
      }
      expect(hub.stats.closes.size).toBe(0);
      slow.drain(Number.POSITIVE_INFINITY);
      await settle();
      expect(numbers(slow)).toEqual(upTo(256));
      publish();
      await settle();
      expect(numbers(slow)).toEqual(upTo(257));
      expect(numbers(quick)).toEqual(upTo(257));
    },
  );

  it("goes with the 257th, is told 4008 when it drains in time, and its neighbours notice nothing", async () => {
    const { hub, open, publish, numbers } = createHub();
    const [slow, quick] = [open(0), open()];
    for (let i = 0; i < 258; i++) publish();
    await settle();
    expect([slow.ended, [...hub.stats.closes]]).toEqual([undefined, [[4008, 1]]]);
    slow.drain(Number.POSITIVE_INFINITY);
    await settle();
    expect(slow.ended).toMatchObject({ code: 4008, reason: "slow consumer" });
    expect(numbers(slow)).toEqual(upTo(slow.received.length));
    expect(numbers(quick)).toEqual(upTo(258));
    expect(hub.stats.consumers).toBe(1);
  });

  it("is kept through any sequence of publishing, reading and turns", async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          publish: fc.integer({ min: 1, max: 240 }),
          size: fc.constantFrom(0, 50, 300, 5_000, 20_000),
        }),
      },
      { weight: 3, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 150_000 }) }) },
      { weight: 2, arbitrary: fc.constant({ turn: true as const }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), fc.nat(20_000), async (steps, room) => {
        const { open, publish, numbers, buffered } = createHub({ pendingBytesMax: 1e9 });
        const reader = open(room);
        let sent = 0;
        for (const action of steps) {
          if ("publish" in action) {
            for (let i = 0; i < action.publish; i++) publish("label.update", action.size);
            await settle(turns);
            // What its connection had not wholly taken, this frame included, was 257 or more: exactly then it had to go.
            const waiting = sent + action.publish - reader.received.length;
            if (waiting > 256) {
              reader.drain(Number.POSITIVE_INFINITY);
              await settle(turns);
              expect(reader.ended?.code).toBe(4008);
              expect(numbers(reader)).toEqual(upTo(reader.received.length));
              return;
            }
            expect(reader.ended).toBeUndefined();
            sent += action.publish;
          } else if ("drain" in action) {
            reader.drain(action.drain);
            await settle(turns);
          } else await settle();
        }
        reader.drain(Number.POSITIVE_INFINITY);
        await settle(turns);
        expect(numbers(reader)).toEqual(upTo(sent));
        expect(buffered.bytes).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it("is kept beside others that come late, leave and are closed, and the bytes that connections hold are counted", async () => {
    const who = fc.nat(3);
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          publish: fc.integer({ min: 1, max: 40 }),
          size: fc.constantFrom(0, 300, 3_900, 16_000, 60_000),
        }),
      },
      { weight: 6, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 150_000 }), who }) },
      { weight: 1, arbitrary: fc.record({ leave: who }) },
      { weight: 1, arbitrary: fc.record({ comes: who, room: fc.nat(60_000) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        const { hub, open, publish, numbers, buffered } = createHub({ pendingBytesMax: 1e9 });
        const readers = [0, 1_000, 20_000, 60_000].map((room) => ({ reader: open(room), from: 0, gone: false }));
        let sent = 0;
        for (const action of steps) {
          if ("publish" in action) {
            for (let i = 0; i < action.publish; i++) publish("label.update", action.size);
            sent += action.publish;
            await settle(turns);
          } else if ("drain" in action) readers[action.who]?.reader.drain(action.drain);
          else if ("leave" in action) {
            const left = readers[action.leave];
            if (left !== undefined && !left.gone) left.reader.close();
            if (left !== undefined) left.gone = true;
          } else readers.push({ reader: open(action.room), from: sent, gone: false });
          await settle();
          for (const one of readers) {
            const { reader, from, gone } = one;
            if (gone) continue;
            if (sent - from - reader.received.length <= 256) expect(reader.ended).toBeUndefined();
            else {
              reader.drain(Number.POSITIVE_INFINITY);
              await settle(turns);
              expect(reader.ended?.code).toBe(4008);
              one.gone = true;
            }
          }
        }
        for (const { reader } of readers) reader.drain(Number.POSITIVE_INFINITY);
        await settle(turns);
        for (const { reader, from, gone } of readers) {
          const own = upTo(sent).slice(from);
          expect(numbers(reader)).toEqual(gone ? own.slice(0, reader.received.length) : own);
        }
        expect([buffered.bytes, buffered.leaving]).toEqual([0, 0]);
        expect(hub.stats.consumers).toBe(readers.filter(({ gone }) => !gone).length);
      }),
      { numRuns: 100 },
    );
  });
});
