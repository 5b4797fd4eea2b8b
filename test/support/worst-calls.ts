/** Messages that take as long to read as messages of their size can. */

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";

export const KiB = 1024;
export const MiB = 1024 * KiB;

const many = (count: number, text: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => text(n)).join(",");

/** The data of an event as JSON text: objects of some megabytes. */
export const worstData: Record<string, () => string> = {
  "100,000 keys": () => `{${many(100_000, (n) => `"k${n}":1`)}}`,
  "a million keys": () => `{${many(1_000_000, (n) => `"k${n}":1`)}}`,
  "the same empty key": () => `{${many(600_000, () => '"":1')}}`,
  "tiny strings": () => `{"a":[${many(700_000, () => '""')}]}`,
  "tiny numbers": () => `{"a":[${many(1_000_000, () => "1")}]}`,
  "empty objects": () => `{"a":[${many(700_000, () => "{}")}]}`,
  "deep nesting, again and again": () => `{"a":[${many(10_000, () => "[".repeat(200) + "]".repeat(200))}]}`,
  "one long string": () => `{"a":"${"x".repeat(6 * MiB)}"}`,
  "one long number": () => `{"a":${"1".repeat(4 * MiB)}}`,
  "white space": () => `{"a":${" ".repeat(4 * MiB)}1}`,
  escapes: () => `{"a":"${"\\u00e9".repeat(700_000)}"}`,
  "characters of three bytes": () => `{"a":"${"€".repeat(2_000_000)}"}`,
  "inline media": () => `{"message":{"media":{"base64":"${"QUJD".repeat(1.5 * MiB)}"}}}`,
  "inline media of padding": () => `{"message":{"media":{"base64":"${"=".repeat(6 * MiB)}"}}}`,
  "members of media": () => `{"message":{"media":{${many(400_000, (n) => `"m${n % 7}":1`)}}}}`,
  "media again and again": () => `{"message":{${many(200_000, () => '"media":{"base64":""}')}}}`,
};

export function delimited(number: number, bytes: Uint8Array): Buffer {
  return Buffer.from(new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish());
}

export function eventMessage(instance: string, event: string, ...fields: Uint8Array[]): Buffer {
  return Buffer.concat([delimited(1, Buffer.from(instance)), delimited(2, Buffer.from(event)), ...fields]);
}

function entry(key: string, value: Uint8Array): Buffer {
  return delimited(1, Buffer.concat([delimited(1, Buffer.from(key)), delimited(2, value)]));
}

/** A google.protobuf.Struct of `count` members. */
function struct(count: number, value: (n: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, n) => entry(`k${n}`, value(n))));
}

const double = (n: number): Uint8Array => new BinaryWriter().tag(2, WireType.Bit64).double(n).finish();
const text = (value: string): Uint8Array => delimited(3, Buffer.from(value));
const list = (count: number, value: Uint8Array): Buffer =>
  delimited(6, Buffer.concat(Array.from({ length: count }, () => delimited(1, value))));

function nested(levels: number): Buffer {
  let value: Uint8Array = list(0, double(1));
  for (let level = 0; level < levels; level++) value = delimited(6, delimited(1, value));
  return entry("a", value);
}

/** google.protobuf.Structs, and for each whether it is small enough to be accepted. */
export const worstStructs: Record<string, { bytes: () => Buffer; taken: boolean }> = {
  "a Struct of 14 MB": { bytes: () => struct(800_000, double), taken: false },
  "64 KiB of doubles": { bytes: () => struct(2_900, (n) => double(Math.PI / (n + 1))), taken: true },
  "64 KiB of nothing": { bytes: () => entry("a", list(16_000, Buffer.from([8, 0]))), taken: true },
  "64 KiB of control characters": { bytes: () => entry("a", text("\u0001".repeat(65_000))), taken: true },
  "64 KiB of empty lists": { bytes: () => entry("a", list(16_000, delimited(6, Buffer.alloc(0)))), taken: true },
  "254 levels": { bytes: () => nested(253), taken: true },
  "30,000 levels": { bytes: () => nested(7_000), taken: false },
};

export function framed(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
