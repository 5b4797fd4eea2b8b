import { fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AppError } from "../../src/domain/errors.js";
import { StructBytes, structToJson } from "../../src/rpc/decoding/struct-json.js";
import { delimited } from "../support/worst-calls.js";

const convert = (bytes: Uint8Array): string =>
  Buffer.from(structToJson(StructBytes.from(bytes) as StructBytes)).toString();
const member = (key: string, value: Uint8Array): Buffer =>
  delimited(1, Buffer.concat([delimited(1, Buffer.from(key)), delimited(2, value)]));
const string = (text: string): Buffer => delimited(3, Buffer.from(text));
const number = (value: number): Buffer => Buffer.from(new BinaryWriter().tag(2, WireType.Bit64).double(value).finish());

function refusal(bytes: Uint8Array): Partial<AppError> | undefined {
  try {
    convert(bytes);
    return undefined;
  } catch (error) {
    return error as AppError;
  }
}

describe("a Struct becomes JSON text", () => {
  it("that reads as what was put into it", () => {
    const object = fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue());
    fc.assert(
      fc.property(object, (json) => {
        // The library loses it on the way in.
        fc.pre(!JSON.stringify(json).includes("__proto__"));
        const struct = toBinary(StructSchema, fromJson(StructSchema, json as JsonObject));
        expect(JSON.parse(convert(struct))).toEqual(JSON.parse(JSON.stringify(json)));
      }),
    );
  });

  it.each([
    ["the empty one", Buffer.alloc(0), "{}"],
    ["a member named __proto__", member("__proto__", number(1)), '{"__proto__":1}'],
    ["members that JavaScript knows", member("constructor", string("x")), '{"constructor":"x"}'],
    [
      "a member twice, of which readers take the last",
      Buffer.concat([member("a", number(1)), member("a", number(2))]),
      '{"a":1,"a":2}',
    ],
    ["a member without a key", delimited(1, delimited(2, number(1))), '{"":1}'],
    [
      "a value before its key",
      delimited(1, Buffer.concat([delimited(2, number(1)), delimited(1, Buffer.from("k"))])),
      '{"k":1}',
    ],
    [
      "quotes and control characters",
      member('"\\', string("\u0000\u001f\n\u2028é😀")),
      '{"\\"\\\\":"\\u0000\\u001f\\n\u2028é😀"}',
    ],
    [
      "numbers",
      Buffer.concat([member("a", number(-0)), member("b", number(1e21)), member("c", number(0.1))]),
      '{"a":0,"b":1e+21,"c":0.1}',
    ],
    [
      "fields that nobody knows",
      Buffer.concat([delimited(9, Buffer.from("x")), member("a", Buffer.from([8, 0]))]),
      '{"a":null}',
    ],
  ])("also %s", (_, bytes, text) => {
    expect(convert(bytes)).toBe(text);
  });

  it.each([
    [
      "a number that JSON has not",
      member("a", number(Number.NaN)),
      "must have finite numbers only, as JSON has no others",
    ],
    ["a value without a kind", member("a", Buffer.alloc(0)), "must have a kind in each of its values"],
    [
      "a member without a value",
      delimited(1, delimited(1, Buffer.from("a"))),
      "must have a kind in each of its values",
    ],
    [
      "a string that is no UTF-8",
      member("a", delimited(3, Buffer.from([0xff]))),
      "must be a google.protobuf.Struct in binary form",
    ],
    ["bytes that end early", member("a", number(1)).subarray(0, -1), "must be a google.protobuf.Struct in binary form"],
    [
      "more than 64 KiB",
      member("a", string("x".repeat(2 ** 16))),
      "must be at most 65536 bytes as a Struct; data_json takes larger objects, as JSON text",
    ],
  ])("unless it has %s", (_, bytes, rule) => {
    expect(refusal(bytes)).toMatchObject({ reason: "INVALID_REQUEST_BODY", field: "data", rule });
  });
});
