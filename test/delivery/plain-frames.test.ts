import { describe, expect, it } from "vitest";
import { createPlainFormat } from "../../src/delivery/frames/plain.js";
import type { EventType } from "../../src/domain/event-type.js";
import { checkEventData, type EventFacts } from "../../src/service/event-data.js";

const instance = { id: "1", accountId: "2", name: 'desk "1"', token: "ti_9b1c" };
const end = ',"instanceData":{"baseUrl":"https://wa.example.net","instance":"desk \\"1\\"","token":"ti_9b1c"}}';

interface Options {
  media?: Buffer;
  base64?: boolean;
  max?: number;
  type?: EventType;
}

/** The data as it stands in the frame. */
function dataOf(data: string, { media, base64 = false, max = 1_000, type = "message.exchange" }: Options = {}): string {
  const bytes = Buffer.from(data);
  const { slot } = checkEventData(type, bytes) as EventFacts;
  const build = createPlainFormat({
    baseUrl: "https://wa.example.net",
    mediaMaxBytes: max,
    frameTokens: true,
  }).builderFor(instance);
  const text = build({ type, data: bytes, slot, media }, base64).toString();
  const start = `{"event":"${type}","data":`;
  expect(text.startsWith(start)).toBe(true);
  expect(text.endsWith(end)).toBe(true);
  return text.slice(start.length, -end.length);
}

const on = { base64: true };

describe("the data of a frame", () => {
  it("is what the publisher sent, byte for byte", () => {
    const data = ' { "n" : 12345678901234567890.10, "2":0, "1":"\\u00e9\\/é", "x":{"media":{"base64":"QQ=="}} } ';
    expect(dataOf(data)).toBe(data);
    expect(dataOf(data, { type: "label.update" })).toBe(data);
  });

  it("keeps a base64 of every type but message.exchange", () => {
    const data = '{"media":{"base64":"QQ=="}}';
    expect(dataOf(data, { type: "message.status" })).toBe(data);
  });

  it.each([
    ['{"message":{"media":{"base64":"QQ==","type":"image"}}}', '{"message":{"media":{"type":"image"}}}'],
    ['{"message":{"media":{"type":"image","base64":"QQ=="}}}', '{"message":{"media":{"type":"image"}}}'],
    ['{"message":{"media":{"a":1 , "base64" : "QQ==" , "b":2}}}', '{"message":{"media":{"a":1 , "b":2}}}'],
    ['{"message":{"media":{"base64":"QQ=="}}}', '{"message":{"media":{}}}'],
    ['{"message":{"media":{ "base64":null }}}', '{"message":{"media":{  }}}'],
    ['{"media":{"base64":"QQ==","x":1}}', '{"media":{"x":1}}'],
    ['{"media":{"b\\u0061se64":"QQ==","x":1}}', '{"media":{"x":1}}'],
    ['{"media":{"base64":"QQ==","base64":"Qg==","x":1,"base64":"Qw=="}}', '{"media":{"x":1}}'],
    ['{"media":{"x":1,"base64":"QQ==","base64":"Qg=="}}', '{"media":{"x":1}}'],
    ['{"media":{"base64":"QQ==","base64":"Qg=="}}', '{"media":{}}'],
    ['{"media":{"base64":"QQ=="},"message":{"media":{"base64":"Qg=="}}}', '{"media":{},"message":{"media":{}}}'],
  ])("with media off: %s becomes %s; on, it is untouched", (data, off) => {
    expect(dataOf(data)).toBe(off);
    expect(dataOf(data, on)).toBe(data);
    JSON.parse(off);
  });

  it.each(['{"message":{"media":"none"}}', '{"media":[{"base64":"QQ=="}]}', '{"message":{"base64":"QQ=="}}', "{}"])(
    "has no media in %s",
    (data) => {
      expect(checkEventData("message.exchange", Buffer.from(data))).toEqual({ slot: undefined });
      expect(dataOf(data)).toBe(data);
    },
  );

  it.each([
    ['{"message":{"media":{"type":"image"}}}', '{"message":{"media":{"base64":"QQ==","type":"image"}}}'],
    ['{"message":{"media":{}}}', '{"message":{"media":{"base64":"QQ=="}}}'],
    ['{"media":{"type":"image"}}', '{"media":{"base64":"QQ==","type":"image"}}'],
    ['{"media":{"x":1},"message":{"media":{"y":2}}}', '{"media":{"x":1},"message":{"media":{"base64":"QQ==","y":2}}}'],
    [
      '{"media":{"base64":"Zg=="},"message":{"media":{"y":2}}}',
      '{"media":{},"message":{"media":{"base64":"QQ==","y":2}}}',
    ],
    ['{"message":{"media":{"y":2,"base64":"Zg=="}}}', '{"message":{"media":{"base64":"QQ==","y":2}}}'],
    ['{"message":{"media":{"base64":"Zg=="}}}', '{"message":{"media":{"base64":"QQ=="}}}'],
  ])("with raw media on: %s becomes %s", (data, inlined) => {
    expect(dataOf(data, { ...on, media: Buffer.from("A") })).toBe(inlined);
  });

  it("carries no raw media when it is off", () => {
    expect(dataOf('{"media":{"x":1}}', { media: Buffer.from("A") })).toBe('{"media":{"x":1}}');
  });

  it("leaves out media that is larger than the limit once decoded, inline and raw, and takes it at the limit", () => {
    const inline = `{"media":{"base64":"${Buffer.alloc(10).toString("base64")}","x":1}}`;
    expect(dataOf(inline, { ...on, max: 10 })).toBe(inline);
    expect(dataOf(inline, { ...on, max: 9 })).toBe('{"media":{"x":1}}');
    expect(dataOf('{"media":{"x":1}}', { ...on, media: Buffer.alloc(10), max: 10 })).toContain('"base64":"AAAA');
    expect(dataOf('{"media":{"x":1}}', { ...on, media: Buffer.alloc(11), max: 10 })).toBe('{"media":{"x":1}}');
  });
});
