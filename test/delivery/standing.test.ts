/** The property of control frames: whatever happens, a consumer can say of each event that it got it, or why not. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Close } from "../../src/domain/closes.js";
import { instanceDeleted, shuttingDown } from "../../src/domain/closes.js";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import { bitsOf, type Control, controlHubs } from "../support/control-hub.js";
import { all, entry, type FakeConnection, settle } from "../support/fake-hub.js";
import { Happenings, unexplained } from "../support/standing.js";

const types = fc.uniqueArray(fc.constantFrom(...eventTypes), { minLength: 1 });
const room = fc.constantFrom(0, 500, 10_000, 100_000, 1e9);
const who = fc.nat(7);
const turns = fc.constantFrom(0, 1, 1, 2, 5);

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      publish: fc.array(fc.constantFrom(...eventTypes), { minLength: 1, maxLength: 150 }),
      size: fc.constantFrom(0, 300, 5_000, 20_000),
      turns,
    }),
  },
  { weight: 6, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 200_000 }), who, turns }) },
  { weight: 5, arbitrary: fc.record({ narrow: types, who, turns }) },
  { weight: 2, arbitrary: fc.record({ configure: types, enabled: fc.boolean(), turns }) },
  {
    weight: 1,
    arbitrary: fc.record({ lose: fc.array(fc.constantFrom(...eventTypes), { minLength: 1, maxLength: 5 }) }),
  },
  { weight: 2, arbitrary: fc.record({ ask: fc.constantFrom("ping" as const, "nonsense" as const), who, turns }) },
  { weight: 2, arbitrary: fc.record({ join: types, room, turns }) },
  { weight: 1, arbitrary: fc.record({ leave: who, turns }) },
);

interface Reader {
  readonly connection: FakeConnection;
  readonly joinedAt: number;
}

function framesOf({ connection }: Reader): (number | Control)[] {
  return connection.received.map((text) => {
    const frame = JSON.parse(text);
    return frame.control === undefined ? frame.data.n : frame;
  });
}

describe.each(controlHubs)("over %s", (_, createHub) => {
  it("each event that the filter takes arrives once and in order, or a gap or a close covers it", async () => {
    const limits = fc.constantFrom({}, { waitingBytesMax: 1_000_000 }, { pendingBytesMax: 300_000 });
    const ends = fc.constantFrom<(Close | undefined)[]>(undefined, instanceDeleted, shuttingDown);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), limits, ends, async (steps, limit, end) => {
        const { hub, open, openPlain, publish, numbers, loseEvents } = createHub({ pendingBytesMax: 1e9, ...limit });
        const happenings = new Happenings();
        const readers: Reader[] = [];
        let configuration = { ...all, version: 1 };
        const join = (wanted: readonly EventType[], bytes: number): void => {
          const connection = open(bytes, entry("1", { ...configuration, enabled: true }), bitsOf(...wanted));
          readers.push({ connection, joinedAt: happenings.count });
        };
        for (const bytes of [1e9, 0, 30_000, 5_000]) join(eventTypes, bytes);
        const plain = openPlain();
        for (const action of steps) {
          const reader = "who" in action ? readers[action.who % readers.length] : undefined;
          const consumer = reader?.connection.consumer as FakeConnection["consumer"];
          if ("publish" in action) {
            for (const type of action.publish) {
              happenings.accepted(type);
              publish(type, action.size);
            }
          } else if ("drain" in action) reader?.connection.drain(action.drain);
          else if ("narrow" in action) hub.narrow(consumer, bitsOf(...action.narrow));
          else if ("configure" in action) {
            const { enabled } = action;
            configuration = {
              enabled,
              events: enabled ? action.configure : [],
              mediaBase64: false,
              version: configuration.version + 1,
            };
            happenings.configured(configuration.version);
            hub.instanceChanged(entry("1", configuration));
          } else if ("lose" in action) {
            const from = happenings.count + 1;
            for (const type of action.lose) {
              happenings.accepted(type);
              publish(type, 0, "nobody is connected to it");
            }
            const missed = action.lose.length;
            loseEvents({ reason: "bus_lost", from, until: happenings.count, missed, instanceId: "1" });
          } else if ("ask" in action && action.ask === "ping") hub.answerPing(consumer);
          else if ("ask" in action) hub.misunderstood(consumer, "what?");
          else if ("join" in action && configuration.enabled) join(action.join, action.room);
          else if ("leave" in action) (readers[action.leave % readers.length] as Reader).connection.close();
          if ("turns" in action) await settle(action.turns);
          for (const one of readers)
            expect(unexplained({ ...one, frames: framesOf(one), ended: true }, happenings)).toBeUndefined();
        }
        if (end === instanceDeleted) hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
        const closed = end === shuttingDown ? hub.close(end, 0) : undefined;
        for (let i = 0; i < 20; i++) {
          for (const { connection } of readers) connection.drain(1e9);
          await settle(20);
        }
        await closed;
        for (const one of readers) {
          const { ended, consumer } = one.connection;
          expect(unexplained({ ...one, frames: framesOf(one), ended: !consumer.open }, happenings)).toBeUndefined();
          const last = framesOf(one).at(-1);
          if (ended !== undefined) expect(last).toMatchObject({ control: "closing", code: ended.code });
          else if (end !== undefined) expect(consumer.open).toBe(false);
        }
        const plainEvents = numbers(plain);
        expect(plainEvents).toEqual([...new Set(plainEvents)].sort((a, b) => a - b));
        expect(hub.stats.consumers).toBe(
          [...readers.map(({ connection }) => connection), plain].filter((one) => one.consumer.open).length,
        );
      }),
      { numRuns: 150 },
    );
  });
});
