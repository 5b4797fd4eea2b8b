/** The frames of Subscribe, written by hand, are the messages that the library would write. */

import { create, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EventFrame, EventFrame_InstanceDataSchema } from "../../gen/eventwire/v1/frame_pb.js";
import { SubscribeResponseSchema } from "../../gen/eventwire/v1/subscription_service_pb.js";
import type { HelloFrame } from "../../gen/frames.js";
import type { Event } from "../../src/bus/bus.js";
import { idOfBytes, idText } from "../../src/domain/event-id.js";
import { eventTypes } from "../../src/domain/event-type.js";
import { checkEventData, type EventFacts } from "../../src/service/event-data.js";
import { createFrameFormats } from "../../src/transport/subscribe/frame-formats.js";
import { stamp } from "../support/stamp.js";

const baseUrl = "https://wa.example.net";
const mediaMaxBytes = 1_000;
const formatOf = createFrameFormats({ baseUrl, mediaMaxBytes });
const binary = formatOf({ json: false, text: false });
const json = formatOf({ json: true, text: false });

const instanceOf = (name: string) => ({ id: "1", accountId: "2", name, token: "ti_9b1c" });

/** The message in a frame, without its prefix, which is checked. */
function messageOf(frame: Buffer): Buffer {
  expect([frame[0], frame.readUInt32BE(1)]).toEqual([0, frame.length - 5]);
  return frame.subarray(5);
}

function exchange(data: string, media?: Buffer): Event {
  const bytes = Buffer.from(data);
  const { slot } = checkEventData("message.exchange", bytes) as EventFacts;
  return { ...stamp, instanceId: "1", type: "message.exchange", data: bytes, slot, media };
}

function framed(event: Event, media: boolean): EventFrame {
  const frame = messageOf(binary.builderFor(instanceOf("desk"))(event, media));
  const { value } = fromBinary(SubscribeResponseSchema, frame).frame;
  return value as EventFrame;
}

const anyEvent = fc.record({
  type: fc.constantFrom(...eventTypes),
  id: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(idOfBytes),
  time: fc.integer({ min: 0, max: 253_402_300_799_999 }),
  occurredAt: fc.option(fc.integer({ min: 0, max: 253_402_300_799_999 }), { nil: undefined }),
  data: fc
    .oneof(fc.jsonValue(), fc.string({ minLength: 60, maxLength: 20_000 }))
    .map((value) => Buffer.from(JSON.stringify({ value }))),
  media: fc.option(fc.uint8Array({ minLength: 1, maxLength: 1_200 }), { nil: undefined }),
});

describe("an event", () => {
  it("is, byte for byte, the message that the library writes, in binary form and in JSON", () => {
    fc.assert(
      fc.property(anyEvent, fc.string({ minLength: 1, maxLength: 100 }), fc.boolean(), (made, name, wanted) => {
        const slot = made.media && { cuts: [], inlineBytes: 0, insertAt: 1, hasOthers: true };
        const event: Event = { ...made, accountId: "2", instanceId: "1", slot };
        const media = wanted && made.media && made.media.length <= mediaMaxBytes ? made.media : new Uint8Array(0);
        const message = create(SubscribeResponseSchema, {
          frame: {
            case: "event",
            value: {
              event: made.type,
              id: idText(made.id),
              time: new Date(made.time).toISOString(),
              ...(made.occurredAt !== undefined && { occurredAt: new Date(made.occurredAt).toISOString() }),
              payload: { case: "dataJson", value: made.data },
              media,
              instanceData: create(EventFrame_InstanceDataSchema, { baseUrl, instance: name }),
            },
          },
        });
        const built = messageOf(binary.builderFor(instanceOf(name))(event, wanted));
        expect(built.equals(toBinary(SubscribeResponseSchema, message))).toBe(true);
        const text = messageOf(json.builderFor(instanceOf(name))(event, wanted)).toString();
        expect(JSON.parse(text)).toEqual(toJson(SubscribeResponseSchema, message));
        const form = formatOf({ json: false, text: true }).builderFor(instanceOf(name))(event, wanted);
        expect(Buffer.from(form.toString(), "base64").subarray(5).equals(built)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("has no token, and keeps white space, number precision and escapes of its data", () => {
    const data = ' { "n" : 12345678901234567890.10, "2":0, "1":"\\u00e9\\/é" } ';
    const frame = framed(exchange(data), true);
    expect(Buffer.from(frame.payload.value as Uint8Array).toString()).toBe(data);
    expect(
      JSON.stringify(
        toJson(SubscribeResponseSchema, create(SubscribeResponseSchema, { frame: { case: "event", value: frame } })),
      ),
    ).not.toContain("ti_9b1c");
  });
});

const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("the media of an event", () => {
  it.each([
    ['{"message":{"media":{"base64":"QQ==","type":"image"}}}', '{"message":{"media":{"type":"image"}}}', "A"],
    ['{"message":{"media":{"type":"image","base64":"QQ=="}}}', '{"message":{"media":{"type":"image"}}}', "A"],
    [
      '{"message":{"media":{"a":"}" , "base64" : "QUI" , "b":{"c":1}}}}',
      '{"message":{"media":{"a":"}" , "b":{"c":1}}}}',
      "AB",
    ],
    ['{"media":{"b\\u0061se64":"QQ==","x":1}}', '{"media":{"x":1}}', "A"],
    ['{"media":{"base64":"Q\\u0051==","x":1}}', '{"media":{"x":1}}', "A"],
    ['{"media":{"base64":"_-8","x":"\\\\\\""}}', '{"media":{"x":"\\\\\\""}}', Buffer.from("_-8", "base64url")],
    ['{"media":{"base64":"QU\\r\\nJD\\n","x":1}}', '{"media":{"x":1}}', "ABC"],
    // Of several the last counts, as in any JSON object.
    ['{"media":{"base64":"QQ==","base64":"Qg==","x":1,"base64":"Qw=="}}', '{"media":{"x":1}}', "C"],
    // Where both layouts are filled, the media in the message counts.
    ['{"media":{"base64":"QQ=="},"message":{"media":{"base64":"Qg=="}}}', '{"media":{},"message":{"media":{}}}', "B"],
    [
      '{"message":{"media":{"base64":"Qg==","x":{}}},"media":{"base64":"QQ=="}}',
      '{"message":{"media":{"x":{}}},"media":{}}',
      "B",
    ],
    ['{"message":{"media":{"base64":"no base64"}}}', '{"message":{"media":{}}}', ""],
    ['{"message":{"media":{"base64":null}}}', '{"message":{"media":{}}}', ""],
    ['{"message":{"media":{"type":"image"}}}', '{"message":{"media":{"type":"image"}}}', ""],
  ])("%s stands beside the data, decoded", (data, left, media) => {
    for (const wanted of [true, false]) {
      const frame = framed(exchange(data), wanted);
      expect(Buffer.from(frame.payload.value as Uint8Array).toString()).toBe(left);
      expect(Buffer.from(frame.media).equals(Buffer.from(wanted ? media : ""))).toBe(true);
    }
  });

  it("is what the producer handed over raw, in place of the inline base64", () => {
    const frame = framed(exchange(`{"media":{"base64":"${base64("inline")}","x":1}}`, Buffer.from("raw")), true);
    expect(Buffer.from(frame.media).toString()).toBe("raw");
    expect(Buffer.from(frame.payload.value as Uint8Array).toString()).toBe('{"media":{"x":1}}');
  });

  it.each([
    ["inline", (bytes: Buffer) => exchange(`{"media":{"base64":"${bytes.toString("base64")}"}}`)],
    ["raw", (bytes: Buffer) => exchange('{"media":{}}', bytes)],
  ])("is left out above the limit, and taken at the limit: %s", (_, made) => {
    expect(framed(made(Buffer.alloc(mediaMaxBytes)), true).media.length).toBe(mediaMaxBytes);
    expect(framed(made(Buffer.alloc(mediaMaxBytes + 1)), true).media.length).toBe(0);
  });
});

describe("a control frame", () => {
  const hello: HelloFrame = {
    control: "hello",
    connection: "0198f0a2-0000-4000-8000-000000000000",
    instance: "desk-1",
    filter: { events: ["call.update"], mediaBase64: false },
    configurationVersion: 3,
    history: null,
    position: null,
    resumed: null,
    resumeRefusal: null,
    replayed: 0,
    heartbeatSeconds: 24,
    waitingFramesMax: 256,
    waitingBytesMax: 67_108_864,
    time: "2026-11-29T13:20:00.123Z",
    previous: null,
  };

  it("is the same message in both forms, without the members that are null", () => {
    const sent = fromBinary(SubscribeResponseSchema, messageOf(binary.controlFrame?.(hello) as Buffer));
    const text = JSON.parse(messageOf(json.controlFrame?.(hello) as Buffer).toString());
    expect(fromJson(SubscribeResponseSchema, text)).toEqual(sent);
    const { history, position, resumed, resumeRefusal, previous, ...present } = hello;
    expect([history, position, resumed, resumeRefusal, previous].every((value) => value === null)).toBe(true);
    expect(text).toEqual({ hello: present });
  });

  it("that answers a message of the client is none of a stream", () => {
    expect(() => binary.controlFrame?.({ control: "pong", time: hello.time })).toThrow("no frame of the kind pong");
  });
});
