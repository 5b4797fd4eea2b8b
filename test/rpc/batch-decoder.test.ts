/** The fast decoder of event batches reads what the library reads, and refuses what it refuses. */

import { create, equals, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PublishEventsRequest, PublishEventsRequestSchema } from "../../gen/eventwire/v1/event_service_pb.js";
import { AppError } from "../../src/domain/errors.js";
import { structToJson } from "../../src/rpc/decoding/struct-json.js";
import { createEventDecoder, structOf } from "../../src/rpc/streams/batch-decoder.js";
import { WireError } from "../../src/wire/fields.js";

const schema = PublishEventsRequestSchema;
const decoder = createEventDecoder();
const decode = (message: Buffer): PublishEventsRequest => withText(decoder.batch(message));

const bytes = fc.uint8Array({ maxLength: 200 });
const payload = fc.oneof(
  fc.record({ case: fc.constant("dataJson" as const), value: bytes }),
  fc.record({ case: fc.constant("data" as const), value: fc.constant({ a: [1, null, { b: "c" }] }) }),
  fc.constant({ case: undefined }),
);
const timestamp = fc.record({
  seconds: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 34n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  nanos: fc.oneof(fc.nat(999_999_999), fc.integer()),
});
const event = fc.record({
  instance: fc.oneof(fc.constantFrom("desk-1", "desk-2", "é", ""), fc.string({ unit: "grapheme", maxLength: 90 })),
  event: fc.constantFrom("label.update", "message.exchange", "nonsense", ""),
  payload,
  media: bytes,
  occurredAt: fc.option(timestamp, { nil: undefined }),
  idempotencyKey: fc.option(fc.oneof(fc.string({ maxLength: 90 }), fc.constant("schlüssel")), { nil: undefined }),
});
const batch = fc.record({
  sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  events: fc.array(event, { maxLength: 20 }),
  receipt: fc.boolean(),
}) as fc.Arbitrary<MessageInitShape<typeof schema>>;

function both(message: Uint8Array): { got: PublishEventsRequest | "refused"; want: PublishEventsRequest | "refused" } {
  const attempt = (read: () => PublishEventsRequest): PublishEventsRequest | "refused" => {
    try {
      return read();
    } catch {
      return "refused";
    }
  };
  return {
    got: attempt(() => decode(Buffer.from(message))),
    want: attempt(() => withText(fromBinary(schema, message))),
  };
}

/** A Struct as the JSON text of it, for which both sides write the same. */
function withText({ events, ...batch }: PublishEventsRequest): PublishEventsRequest {
  const told = events.map(({ payload, ...event }) => {
    const struct = structOf(payload);
    if (payload.case !== "data") return { ...event, payload };
    const text = struct === undefined ? Buffer.from(JSON.stringify(payload.value)) : structToJson(struct);
    return { ...event, payload: { case: "dataJson" as const, value: Uint8Array.from(text) } };
  });
  return { ...batch, events: told };
}

function expectEqual(message: Uint8Array): void {
  const { got, want } = both(message);
  if (got === "refused" || want === "refused") expect(got).toBe(want);
  // Messages made by hand have no prototype methods; `create` makes them comparable.
  else expect(equals(schema, create(schema, got), create(schema, want))).toBe(true);
}

/** Damaged bytes may be a message that the library reads as something else: fields of a wrong type, or groups. */
function expectHarmless(message: Uint8Array): void {
  try {
    const { events } = decode(Buffer.from(message));
    for (const { instance, event } of events) expect(`${instance}${event}`).toEqual(expect.any(String));
  } catch (error) {
    expect(error instanceof WireError || error instanceof AppError).toBe(true);
  }
}

describe("the batch decoder", () => {
  it("reads every batch as the library does", () => {
    fc.assert(fc.property(batch, (init) => expectEqual(toBinary(schema, create(schema, init)))));
  });

  it("agrees with the library about bytes that end early, and takes no harm from damaged ones", () => {
    const damage = fc.record({ at: fc.nat(), byte: fc.nat(255), cut: fc.nat(40) });
    fc.assert(
      fc.property(batch, damage, (init, { at, byte, cut }) => {
        const message = toBinary(schema, create(schema, init));
        if (message.length === 0) return;
        expectEqual(message.subarray(0, Math.max(0, message.length - cut)));
        message[at % message.length] = byte;
        expectHarmless(message);
      }),
      { numRuns: 2_000 },
    );
  });

  it("takes no harm from bytes that are no batch", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), expectHarmless), { numRuns: 2_000 });
  });

  it("refuses a name that is no UTF-8 though a later one of the same field is", () => {
    const inner = new BinaryWriter()
      .tag(2, WireType.LengthDelimited)
      .bytes(Uint8Array.from([0xf0, 0x3f]))
      .tag(2, WireType.LengthDelimited)
      .string("label.update");
    const message = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(inner.finish()).finish();
    expect(both(message)).toEqual({ got: "refused", want: "refused" });
  });

  it("takes the last of repeated fields, fields in any order and unknown ones", () => {
    const inner = new BinaryWriter()
      .tag(5, WireType.LengthDelimited)
      .bytes(Buffer.from("first"))
      .tag(4, WireType.LengthDelimited)
      .bytes(Buffer.from("{}"))
      .tag(2, WireType.LengthDelimited)
      .string("call.update")
      .tag(5, WireType.LengthDelimited)
      .bytes(Buffer.from("last"))
      .tag(1, WireType.LengthDelimited)
      .string("desk-1")
      .finish();
    const known = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(inner).tag(1, WireType.Varint).uint64(7n);
    const read = decode(Buffer.from(known.finish()));
    expect(read.sequence).toBe(7n);
    expect(Buffer.from(read.events[0]?.media ?? []).toString()).toBe("last");
    expectEqual(known.tag(900, WireType.Varint).uint32(1).finish());
  });

  it("merges a time that stands twice, as the library does", () => {
    const time = (field: number, value: number) =>
      new BinaryWriter()
        .tag(7, WireType.LengthDelimited)
        .bytes(new BinaryWriter().tag(field, WireType.Varint).uint32(value).finish())
        .finish();
    const receipt = new BinaryWriter().tag(6, WireType.Varint).uint32(1).finish();
    for (const between of [Buffer.alloc(0), receipt]) {
      const inner = Buffer.concat([time(1, 5), time(2, 7), between, time(1, 6)]);
      const message = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(inner).finish();
      expect(decode(Buffer.from(message)).events[0]?.occurredAt).toMatchObject({ seconds: 6n, nanos: 7 });
      expectEqual(message);
    }
  });

  it("refuses a name that is no UTF-8", () => {
    const inner = new BinaryWriter()
      .tag(1, WireType.LengthDelimited)
      .bytes(Buffer.from([0xff, 0xfe]))
      .finish();
    const message = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(inner).finish();
    expect(both(message)).toEqual({ got: "refused", want: "refused" });
  });
});
