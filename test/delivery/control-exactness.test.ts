/** The rule of 256 and the byte limit, where control frames count like events and consumers are narrowed. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import { bitsOf, controlHubs, story } from "../support/control-hub.js";
import { all, entry, type FakeConnection, settle } from "../support/fake-hub.js";

const types = fc.uniqueArray(fc.constantFrom(...eventTypes), { minLength: 1 });
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      publish: fc.array(fc.constantFrom(...eventTypes), { minLength: 1, maxLength: 100 }),
      size: fc.constantFrom(0, 300, 5_000, 20_000),
      /** Who is narrowed in the same turn, and so after all of these events. */
      narrows: fc.option(fc.record({ who: fc.nat(3), types })),
    }),
  },
  { weight: 6, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 300_000 }), who: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ narrow: types, who: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ configure: types }) },
  { weight: 1, arbitrary: fc.constant({ gap: true as const }) },
);

interface Reader {
  readonly connection: FakeConnection;
  /** What it must be told, as `story` has it. */
  readonly expected: (number | string)[];
  types: readonly EventType[];
  gone: boolean;
}

describe.each(controlHubs)("over %s", (_, createHub) => {
  it("a consumer goes exactly when a 257th frame would wait: events, and what it is told of its stream and of its narrowing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { hub, open, publish, loseEvents, buffered } = createHub({ pendingBytesMax: 1e9 });
        const readers = [0, 1_000, 30_000, 1e9].map((room): Reader => {
          return { connection: open(room), expected: ["hello"], types: eventTypes, gone: false };
        });
        const narrow = (reader: Reader, wanted: readonly EventType[]): void => {
          reader.types = wanted;
          reader.expected.push("narrowed");
          hub.narrow(reader.connection.consumer, bitsOf(...wanted));
        };
        let version = 1;
        let owned: readonly EventType[] = eventTypes;
        let n = 0;
        for (const action of steps) {
          if ("publish" in action) {
            for (const type of action.publish) {
              publish(type, action.size);
              n++;
              for (const reader of readers)
                if (owned.includes(type) && reader.types.includes(type)) reader.expected.push(n);
            }
            if (action.narrows !== null) narrow(readers[action.narrows.who] as Reader, action.narrows.types);
          } else if ("drain" in action) readers[action.who]?.connection.drain(action.drain);
          else if ("narrow" in action) narrow(readers[action.who] as Reader, action.narrow);
          else if ("configure" in action) {
            owned = action.configure;
            hub.instanceChanged(entry("1", { ...all, events: owned, version: ++version } as never));
            for (const { expected } of readers) expected.push("config_changed");
          } else {
            loseEvents({ reason: "bus_interrupted", from: 0, until: 1 });
            for (const { expected } of readers) expected.push("gap");
          }
          await settle(100);
          for (const reader of readers) {
            const { connection, expected, gone } = reader;
            if (gone) continue;
            if (expected.length - connection.received.length <= 256) expect(connection.ended).toBeUndefined();
            else {
              connection.drain(Number.POSITIVE_INFINITY);
              await settle(100);
              expect(connection.ended?.code).toBe(4008);
              reader.gone = true;
            }
          }
        }
        for (const { connection } of readers) connection.drain(Number.POSITIVE_INFINITY);
        await settle(150);
        for (const { connection, expected, gone } of readers) {
          const got = story(connection);
          if (gone) expect(got.pop()).toBe("closing");
          expect(got).toEqual(gone ? expected.slice(0, got.length) : expected);
        }
        expect([buffered.bytes, buffered.leaving]).toEqual([0, 0]);
      }),
      { numRuns: 100 },
    );
  });

  it("a consumer goes exactly when more bytes would wait than may, whatever streams they are of", async () => {
    const action = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({ publish: fc.constantFrom(...eventTypes), size: fc.integer({ min: 1, max: 3_000 }) }),
      },
      { weight: 1, arbitrary: fc.record({ narrow: types }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 20, maxLength: 80 }), async (actions) => {
        const limit = 20_000;
        const { hub, open, publish } = createHub({ pendingBytesMax: limit });
        const [slow, quick] = [open(0), open()];
        for (const one of actions) {
          await settle(3);
          const before = quick.received.length;
          for (const { consumer } of [slow, quick]) if ("narrow" in one) hub.narrow(consumer, bitsOf(...one.narrow));
          if ("publish" in one) publish(one.publish, one.size);
          await settle(3);
          expect(quick.received.length - before).toBeLessThanOrEqual(1);
          // The first frame is in the connection with its head; the others wait as payload, or with the head that the format gives them.
          const waits = quick.received.reduce(
            (sum, text, i) => sum + Buffer.byteLength(text) + slowHead(slow, text, i),
            0,
          );
          expect(hub.stats.closes.get(4008) ?? 0).toBe(waits > limit ? 1 : 0);
          if (waits > limit) return;
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** Bytes of the head of a frame that count as waiting. */
function slowHead(slow: FakeConnection, text: string, i: number): number {
  const overStream = "writable" in slow;
  if (overStream) return 5;
  if (i > 0) return 0;
  return Buffer.byteLength(text) < 126 ? 2 : 4;
}
