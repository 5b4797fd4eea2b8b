/** Events as bytes: what is written by hand is what the library reads, and takes no more than was told. */

import fc from "fast-check";
import { expect, it } from "vitest";
import type { Event, MediaSlot } from "../../src/bus/bus.js";
import { decodeEvent, encodedBytesMax, encodeEvent } from "../../src/bus/event-codec.js";
import { eventTypes } from "../../src/domain/event-type.js";

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 300 });
const range = fc.record({ start: uint32, end: uint32 });

const slot: fc.Arbitrary<MediaSlot> = fc.record({
  cuts: fc.array(range, { maxLength: 5 }),
  inlineBytes: uint32,
  insertAt: uint32,
  hasOthers: fc.boolean(),
});

const event: fc.Arbitrary<Event> = fc.record({
  instanceId: fc.uuid(),
  type: fc.constantFrom(...eventTypes),
  data: bytes,
  slot: fc.option(slot, { nil: undefined }),
  media: fc.option(bytes, { nil: undefined }),
});

/** Without what the library adds to messages, and with views as arrays. */
function plain({ instanceId, type, data, slot, media }: Event): Event {
  return {
    instanceId,
    type,
    data: Uint8Array.from(data),
    slot: slot && {
      cuts: slot.cuts.map(({ start, end }) => ({ start, end })),
      inlineBytes: slot.inlineBytes,
      insertAt: slot.insertAt,
      hasOthers: slot.hasOthers,
    },
    media: media && Uint8Array.from(media),
  };
}

it("reads what was written, whatever is in it", () => {
  fc.assert(
    fc.property(event, fc.oneof(fc.uuid(), fc.constant("")), number, number, (event, origin, series, sequence) => {
      const encoded = encodeEvent({ event, origin, series, sequence });
      const decoded = decodeEvent(event.instanceId, encoded);
      expect({ ...decoded, event: plain(decoded.event as Event) }).toEqual({ event, origin, series, sequence });
      expect(encoded.length).toBeLessThanOrEqual(encodedBytesMax(event));
    }),
    { numRuns: 1_000 },
  );
});

it("reads data of more bytes than a small length takes", () => {
  for (const size of [127, 128, 16_383, 16_384, 2_097_152]) {
    const event: Event = { instanceId: "1", type: "label.update", data: Buffer.alloc(size, 0x20) };
    const { event: decoded } = decodeEvent("1", encodeEvent({ event, origin: "o", series: 1, sequence: 1 }));
    expect(Buffer.from(decoded?.data ?? []).equals(event.data)).toBe(true);
  }
});

it("counts an event of a later release, whose type it does not know, and refuses one without a type", () => {
  const encode = (type: string) => {
    const event = { ...eventOfNobody, type } as unknown as Event;
    return encodeEvent({ event, origin: "o", series: 3, sequence: 4 });
  };
  expect(decodeEvent("1", encode("poll.vote"))).toEqual({ event: undefined, origin: "o", series: 3, sequence: 4 });
  expect(() => decodeEvent("1", encode(""))).toThrow("it has no event type");
});

const eventOfNobody: Event = { instanceId: "1", type: "label.update", data: Buffer.from("{}") };
