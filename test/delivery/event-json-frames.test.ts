/** The bytes of the frames of `eventwire.v1` over a WebSocket. */

import { describe, expect, it } from "vitest";
import { createEventJsonFormat } from "../../src/delivery/frames/event-json.js";
import { createPlainFormat } from "../../src/delivery/frames/plain.js";
import { createIdMint, idText } from "../../src/domain/event-id.js";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import { checkEventData, type EventFacts } from "../../src/service/event-data.js";

const options = { baseUrl: "https://wa.example.net", mediaMaxBytes: 10, frameTokens: true };
const instance = { id: "1", accountId: "2", name: 'desk "1"', token: "ti_9b1c" };
const format = createEventJsonFormat(options);
const mint = createIdMint();
const end = ',"instanceData":{"baseUrl":"https://wa.example.net","instance":"desk \\"1\\""}}';

function event(type: EventType, data: string, time = Date.UTC(2026, 10, 29, 13, 20, 0, 123), media?: Buffer) {
  const bytes = Buffer.from(data);
  const { slot } = checkEventData(type, bytes) as EventFacts;
  return { id: mint(time), time, accountId: "2", instanceId: "1", type, data: bytes, slot, media };
}

describe("an event frame", () => {
  it.each(eventTypes)(
    "of %s has type, id, time, the data byte for byte, and the instance without its token",
    (type) => {
      const data = ' { "n" : 12345678901234567890.10, "2":0, "1":"\\u00e9\\/é" } ';
      const one = event(type, data);
      expect(format.builderFor(instance)(one, true).toString()).toBe(
        `{"event":"${type}","id":"${idText(one.id)}","time":"2026-11-29T13:20:00.123Z","data":${data}${end}`,
      );
    },
  );

  it("keeps its id and its time when later events of its type are built", () => {
    const build = format.builderFor(instance);
    const events = [0, 1, 1, 999, 1000, 86_400_000].map((ms) => event("call.update", `{"ms":${ms}}`, 1e12 + ms));
    const frames = events.map((one) => build(one, false));
    for (const [i, { id, time, data }] of events.entries())
      expect(frames[i]?.toString()).toBe(
        `{"event":"call.update","id":"${idText(id)}","time":"${new Date(time).toISOString()}","data":${data}${end}`,
      );
  });

  it("has the time that the producer said beside its own, and the next event has none", () => {
    const build = format.builderFor(instance);
    const one = { ...event("call.update", "{}"), occurredAt: Date.UTC(2001, 1, 3, 4, 5, 6, 7) };
    const two = event("call.update", "{}");
    const frames = [one, two].map((each) => build(each, false).toString());
    const head = ({ id }: typeof two) =>
      `{"event":"call.update","id":"${idText(id)}","time":"2026-11-29T13:20:00.123Z"`;
    expect(frames).toEqual([
      `${head(one)},"occurredAt":"2001-02-03T04:05:06.007Z","data":{}${end}`,
      `${head(two)},"data":{}${end}`,
    ]);
  });

  it.each([
    [0, "1970-01-01T00:00:00.000Z"],
    [Number.MAX_SAFE_INTEGER, "9999-12-31T23:59:59.999Z"],
  ])("of a clock that says %d has a time of 24 characters", (time, text) => {
    const frame = format.builderFor(instance)({ ...event("call.update", "{}"), time }, false);
    expect(JSON.parse(frame.toString()).time).toBe(text);
  });

  it.each([
    ['{"message":{"media":{"base64":"QQ==","type":"image"}}}', undefined],
    ['{"message":{"media":{"type":"image"}}}', Buffer.from("A")],
    ['{"media":{"base64":"QQ=="}}', Buffer.alloc(10)],
    ['{"media":{"type":"image"}}', Buffer.alloc(11)],
    [`{"media":{"base64":"${Buffer.alloc(11).toString("base64")}","x":1}}`, undefined],
  ])("has the media that a plain frame has: %s", (data, media) => {
    const one = event("message.exchange", data, undefined, media);
    const plain = createPlainFormat(options).builderFor(instance);
    for (const base64 of [true, false]) {
      const [ours, theirs] = [format.builderFor(instance), plain].map((build) =>
        JSON.parse(build(one, base64).toString()),
      );
      expect(ours.data).toEqual(theirs.data);
    }
  });
});

describe("a control frame", () => {
  it("has all of its members, null without a value", () => {
    const position = { control: "position", position: null, time: "2026-11-29T13:20:00.123Z" } as const;
    expect(format.controlFrame?.(position).toString()).toBe(
      '{"control":"position","position":null,"time":"2026-11-29T13:20:00.123Z"}',
    );
  });

  it("is unknown to the plain protocol", () => {
    expect(createPlainFormat(options)).not.toHaveProperty("controlFrame");
  });
});
