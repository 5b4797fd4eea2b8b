import { describe, expect, it } from "vitest";
import { CheckedObject } from "../../src/json/checked-object.js";
import { JsonError } from "../../src/json/json-error.js";
import { type Ranges, scanMembers, textAt } from "../../src/json/scan.js";

const scan = (text: string | Buffer): Record<string, string> => {
  const bytes = Buffer.from(text as string);
  const found = scanMembers(bytes, ["event", "data"]) as Ranges<string>;
  return Object.fromEntries(
    Object.entries(found).map(([name, { start, end } = { start: 0, end: 0 }]) => [
      name,
      bytes.toString("utf8", start, end),
    ]),
  );
};

describe("scanMembers", () => {
  it("gives the source text of the members that are asked for", () => {
    expect(scan(' { "x": [1], "data" : { "n": 1.0e2 } ,"event":"a.b" } ')).toEqual({
      event: '"a.b"',
      data: '{ "n": 1.0e2 }',
    });
  });

  it("lets the last of two equal names win", () => {
    expect(scan('{"data":1,"data":2}')).toEqual({ data: "2" });
  });

  it("knows a name that is written with escapes", () => {
    expect(scan('{"d\\u0061ta":true}')).toEqual({ data: "true" });
  });

  it("looks at the top level only", () => {
    expect(scan('{"in":{"data":1}}')).toEqual({});
  });

  it.each(["[]", '"data"', "null", "", '{"data":1', '{"data":1} 2'])("refuses %j", (text) => {
    expect(() => scan(text)).toThrow(JsonError);
  });

  it("refuses bytes that are not UTF-8", () => {
    expect(() => scan(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toThrow(JsonError);
  });
});

describe("textAt", () => {
  const bytes = Buffer.from('  {"a":{"b":1},"c":[{}]}').subarray(2);

  it.each([
    ["a", '{"b":1}', true],
    ["c", "[{}]", false],
  ])("gives the text of %s, marked as checked when it is an object", (name, text, isObject) => {
    const range = (scanMembers(bytes, [name]) as Ranges<string>)[name];
    const found = textAt(bytes, range ?? { start: 0, end: 0 });
    expect(Buffer.from(found).toString()).toBe(text);
    expect(found instanceof CheckedObject).toBe(isObject);
  });
});
