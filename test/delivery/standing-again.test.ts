/** The property of control frames across connections: a consumer that comes back can say of each event that it got it, or why not. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import { createMemoryHistory } from "../../src/history/memory-history.js";
import { bitsOf, controlHubs } from "../support/control-hub.js";
import { all, entry, settle } from "../support/fake-hub.js";
import { LastingReader } from "../support/lasting-reader.js";
import { type Happened, unexplainedOver } from "../support/lasting-standing.js";

const types = fc.uniqueArray(fc.constantFrom(...eventTypes), { minLength: 1 });
const room = fc.constantFrom(0, 3_000, 30_000, 300_000, 1e9);
const who = fc.nat(3);
const turns = fc.constantFrom(0, 0, 1, 1, 2, 5);

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      publish: fc.array(fc.constantFrom(...eventTypes), { minLength: 1, maxLength: 60 }),
      size: fc.constantFrom(0, 300, 5_000, 20_000),
      turns,
    }),
  },
  { weight: 6, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 200_000 }), who, turns }) },
  { weight: 8, arbitrary: fc.record({ blink: types, room, who, turns }) },
  { weight: 3, arbitrary: fc.record({ lose: fc.constant(true), who, turns }) },
  { weight: 3, arbitrary: fc.record({ narrow: types, who, turns }) },
  { weight: 2, arbitrary: fc.record({ configure: types, turns }) },
  { weight: 1, arbitrary: fc.record({ disconnect: fc.constant(true), who, turns }) },
);

const limits = fc.record({
  events: fc.constantFrom(20, 300, 100_000),
  bytes: fc.constantFrom(60_000, 1_000_000, 1e9),
});

describe.each(controlHubs)("over %s", (_, createHub) => {
  it("each event arrives once and in order over all connections, or a gap covers it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 80 }), limits, async (steps, kept) => {
        const history = createMemoryHistory({ seconds: 60, ...kept });
        const { hub, open, openPlain, publish, numbers } = createHub({ pendingBytesMax: 1e9, history });
        const events: Happened[] = [];
        /** The sequence number of each event in the history. */
        const sequences: number[] = [];
        history.follow({ accountId: "a", instanceId: "" }, (_event, position) => sequences.push(sequenceOf(position)));
        const configured = new Map<number, number>();
        const countAt = (position: string) => sequences.filter((sequence) => sequence <= sequenceOf(position)).length;
        const world = { events, configured, countAt };
        let configuration = { ...all, version: 1 };
        const connect = (reader: LastingReader, wanted: readonly EventType[], bytes: number): void => {
          const at = entry("1", configuration);
          reader.connect((after) => open(bytes, at, bitsOf(...wanted), { after }), events.length);
        };
        const readers = [1e9, 0, 30_000, 5_000].map((bytes) => {
          const reader = new LastingReader();
          connect(reader, eventTypes, bytes);
          return reader;
        });
        const plain = openPlain();
        for (const action of steps) {
          const reader = ("who" in action ? readers[action.who] : readers[0]) as LastingReader;
          if ("publish" in action)
            for (const type of action.publish) {
              events.push({ type, time: Date.now() });
              publish(type, action.size);
            }
          else if ("drain" in action) reader.connection.drain(action.drain);
          else if ("blink" in action) {
            reader.connection.close();
            connect(reader, action.blink, action.room);
          } else if ("lose" in action) reader.connection.close();
          else if ("narrow" in action) hub.narrow(reader.connection.consumer, bitsOf(...action.narrow));
          else if ("disconnect" in action)
            hub.end(reader.connection.consumer, { code: 4500, reason: "internal error" });
          else {
            configuration = { ...configuration, events: action.configure, version: configuration.version + 1 };
            configured.set(configuration.version, events.length);
            hub.instanceChanged(entry("1", configuration));
          }
          await settle(action.turns);
          for (const one of readers) expect(unexplainedOver(one.connections, world, true)).toBeUndefined();
        }
        // Everybody comes back and reads to the end.
        for (let i = 0; i < 40; i++) {
          for (const reader of readers) {
            if (!reader.open) connect(reader, eventTypes, 1e9);
            reader.connection.drain(1e9);
          }
          await settle(20);
        }
        for (const reader of readers) {
          expect(reader.open).toBe(true);
          expect(unexplainedOver(reader.connections, world, false)).toBeUndefined();
        }
        const plainEvents = numbers(plain);
        expect(plainEvents).toEqual([...new Set(plainEvents)].sort((a, b) => a - b));
        expect(hub.stats.consumers).toBe(readers.length + Number(plain.consumer.open));
        expect(history.stats.bytes).toBeLessThanOrEqual(kept.bytes);
        await history.close();
      }),
      { numRuns: 12 },
    );
  });
});

function sequenceOf(position: string | undefined): number {
  return Number(position?.split(".")[1]);
}
