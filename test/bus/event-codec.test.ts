/** Events as bytes: what is written by hand is what the library reads, and takes no more than was told. */

import { clone, create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BusEventSchema } from "../../gen/eventwire/bus/v1/bus_event_pb.js";
import type { Event, MediaSlot } from "../../src/bus/bus.js";
import { decodeEvent, encodedBytesMax, encodeEvent } from "../../src/bus/event-codec.js";
import { type EventId, idBytes, idText, writeId } from "../../src/domain/event-id.js";
import { eventTypes } from "../../src/domain/event-type.js";
import { stamp } from "../support/stamp.js";

const one = { accountId: stamp.accountId, instanceId: "1" };

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
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
  id: fc.record({ word0: int32, word1: int32, word2: int32, word3: int32 }),
  time: number,
  occurredAt: fc.option(number, { nil: undefined }),
  accountId: fc.uuid(),
  instanceId: fc.uuid(),
  type: fc.constantFrom(...eventTypes),
  data: bytes,
  slot: fc.option(slot, { nil: undefined }),
  media: fc.option(bytes, { nil: undefined }),
});

/** Without what the library adds to messages, and with views as arrays. */
function plain({ id, time, occurredAt, accountId, instanceId, type, data, slot, media }: Event): Event {
  return {
    id,
    time,
    occurredAt,
    accountId,
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
      const { accountId, instanceId } = event;
      const subjects = [{ accountId, instanceId }, { accountId }];
      for (const [named, subject] of subjects.entries()) {
        const encoded = encodeEvent({ event, origin, series, sequence }, named === 1);
        const decoded = decodeEvent(subject, encoded);
        const read = { ...decoded, event: plain(decoded.event as Event) };
        expect(read).toEqual({ instanceId, event, origin, series, sequence });
        expect(encoded.length).toBeLessThanOrEqual(encodedBytesMax(event));
      }
    }),
    { numRuns: 1_000 },
  );
});

it("reads what the library writes, and passes over what a later release adds", () => {
  const later = Buffer.from([0x82, 0x06, 0x01, 0x2a, 0x88, 0x06, 0x07, 0x95, 0x06, 1, 2, 3, 4]);
  fc.assert(
    fc.property(
      event,
      fc.uuid(),
      number,
      number,
      ({ id, time, occurredAt, accountId, instanceId, type, data, slot, media }, origin, series, sequence) => {
        const bytes = Buffer.alloc(idBytes);
        writeId(bytes, 0, id);
        const message = create(BusEventSchema, {
          ...{
            id: bytes,
            time: BigInt(time),
            origin,
            event: type,
            data,
            series: BigInt(series),
            sequence: BigInt(sequence),
          },
          ...(slot && { slot: { ...slot, cuts: [...slot.cuts] } }),
          ...(media && { media }),
          ...(occurredAt !== undefined && { occurredAt: BigInt(occurredAt) }),
        });
        const { event: decoded, ...numbers } = decodeEvent(
          { accountId, instanceId },
          Buffer.concat([toBinary(BusEventSchema, message), later]),
        );
        const expected = { id, time, occurredAt, accountId, instanceId, type, data, slot, media };
        expect(plain(decoded as Event)).toEqual(expected);
        expect(numbers).toEqual({ instanceId, origin, series, sequence });
      },
    ),
  );
});

it("reads data of more bytes than a small length takes", () => {
  for (const size of [127, 128, 16_383, 16_384, 2_097_152]) {
    const event: Event = { ...stamp, instanceId: "1", type: "label.update", data: Buffer.alloc(size, 0x20) };
    const { event: decoded } = decodeEvent(one, encodeEvent({ event, origin: "o", series: 1, sequence: 1 }));
    expect(Buffer.from(decoded?.data ?? []).equals(event.data)).toBe(true);
  }
});

it("counts an event of a later release, whose type it does not know, and refuses one without a type", () => {
  const encode = (type: string) => {
    const event = { ...eventOfNobody, type } as unknown as Event;
    return encodeEvent({ event, origin: "o", series: 3, sequence: 4 });
  };
  expect(decodeEvent(one, encode("poll.vote"))).toEqual({
    instanceId: "1",
    event: undefined,
    origin: "o",
    series: 3,
    sequence: 4,
  });
  expect(() => decodeEvent(one, encode(""))).toThrow("it has no event type");
  const { accountId } = one;
  expect(() => decodeEvent({ accountId }, encode("poll.vote"))).toThrow("it names no instance");
});

const eventOfNobody: Event = { ...stamp, instanceId: "1", type: "label.update", data: Buffer.from("{}") };

it("refuses an id that is no UUID", () => {
  const message = create(BusEventSchema, { event: "label.update", data: Buffer.from("{}"), id: Buffer.alloc(15) });
  expect(() => decodeEvent(one, toBinary(BusEventSchema, message))).toThrow("its id has 15 bytes");
});

describe("beside a node of release 0.1.0, which stamps no events", () => {
  /** The message as that release has it. */
  const OldEventSchema = (() => {
    const file = clone(FileDescriptorProtoSchema, BusEventSchema.file.proto);
    for (const message of file.messageType) message.field = message.field.filter((field) => field.number < 8);
    const desc = createFileRegistry(file, () => undefined).getMessage(BusEventSchema.typeName);
    if (desc === undefined) throw new Error("the file has no BusEvent");
    return desc;
  })();

  const oldBytes = (instanceOf: Partial<Record<string, unknown>> = {}): Uint8Array => {
    const numbers = { origin: "0198f0a2-b3c4-4d5e-8f60-718293a4b5c6", series: 3n, sequence: 4n };
    const message = { ...numbers, event: "label.update", data: Buffer.from('{"n":1}'), ...instanceOf };
    return toBinary(OldEventSchema, create(OldEventSchema, message));
  };

  it("it reads all that it knows of our events, as it stands", () => {
    fc.assert(
      fc.property(event, number, number, (event, series, sequence) => {
        const read = fromBinary(OldEventSchema, encodeEvent({ event, origin: "o", series, sequence }, true));
        expect(read).toMatchObject({
          origin: "o",
          series: BigInt(series),
          sequence: BigInt(sequence),
          event: event.type,
        });
        const { data, media } = read as unknown as Pick<Event, "data" | "media">;
        expect([Uint8Array.from(data), media && Uint8Array.from(media)]).toEqual([event.data, event.media]);
      }),
    );
  });

  it("all who read an event of it give it the same id, and its time is that of its arrival", () => {
    const before = Date.now();
    const [here, there] = [decodeEvent(one, oldBytes()), decodeEvent(one, oldBytes())];
    expect(here).toMatchObject({ series: 3, sequence: 4, event: { instanceId: "1", type: "label.update" } });
    expect(idText(here.event?.id as EventId)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
    expect(there.event?.id).toEqual(here.event?.id);
    expect(here.event?.time).toBeGreaterThanOrEqual(before);
    expect(here.event?.time).toBeLessThanOrEqual(Date.now());
  });

  it("its events have an id each", () => {
    const others = [{ origin: "another" }, { series: 4n }, { sequence: 5n }].map((other) => oldBytes(other));
    const ids = [oldBytes(), ...others].map((bytes) => idText(decodeEvent(one, bytes).event?.id as EventId));
    const elsewhere = idText(decodeEvent({ ...one, instanceId: "2" }, oldBytes()).event?.id as EventId);
    expect(new Set([...ids, elsewhere]).size).toBe(5);
  });
});
