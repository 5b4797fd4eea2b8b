/**
 * The fields `websocket_*` of CreateInstance, which take any JSON value (google.protobuf.Value). A value that cannot be
 * read, or has more bytes than the limit below, is a wrong value of its field. It never makes the whole message wrong.
 */

import {
  create,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type Message,
} from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { parsedBytesMax } from "../../json/parsed-bytes.js";
import { Fields, lengthDelimited } from "../../wire/fields.js";

/**
 * Largest value that is read. A filter has at most 64 names of 16 characters; a larger value is wrong, and to read it
 * would take long.
 */
const valueBytesMax = 4096;
const valueNodesMax = 512;

const known = new WeakMap<DescMessage, readonly DescField[]>();

export function valueFields(desc: DescMessage): readonly DescField[] {
  let fields = known.get(desc);
  if (fields === undefined) {
    fields = desc.fields.filter((field) => field.message?.typeName === ValueSchema.typeName && !field.oneof);
    known.set(desc, fields);
  }
  return fields;
}

/** Sets the field to the value that `read` returns, or to a Value without a kind when `read` throws. */
export function setValue(message: Message, field: DescField, read: () => Value): void {
  let value: Value;
  try {
    value = read();
  } catch {
    value = create(ValueSchema);
  }
  (message as unknown as Record<string, Value>)[field.localName] = value;
}

/** The JSON object without the members of these fields, in both spellings. */
export function without(json: JsonObject, fields: readonly DescField[]): JsonObject {
  const hidden = new Set(fields.flatMap(({ name, jsonName }) => [name, jsonName]));
  return Object.fromEntries(Object.entries(json).filter(([name]) => !hidden.has(name)));
}

/** Throws for a value that is larger than any right value. */
export function smallValue(value: JsonValue | undefined): JsonValue {
  const waiting: unknown[] = [value];
  for (let count = 0; waiting.length > 0; count++) {
    const next = waiting.pop();
    const inner = typeof next === "object" && next !== null ? Object.values(next) : [];
    if (count + waiting.length + inner.length > valueNodesMax) throw new Error("larger than any right value");
    waiting.push(...inner);
  }
  return value as JsonValue;
}

/** The bytes of a message without these fields, and the last value of each field. Throws WireError. */
export function apart(desc: DescMessage, bytes: Uint8Array): { rest: Uint8Array; values: Map<DescField, Uint8Array> } {
  const values = new Map<DescField, Uint8Array>();
  const numbers = new Map(valueFields(desc).map((field) => [field.number, field]));
  if (numbers.size === 0) return { rest: bytes, values };
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const fields = new Fields(bytes, 0, bytes.length, parsedBytesMax); fields.next(); ) {
    const field = fields.type === lengthDelimited ? numbers.get(fields.number) : undefined;
    if (field === undefined) continue;
    pieces.push(bytes.subarray(from, fields.from));
    from = fields.end;
    values.set(field, fields.end - fields.start > valueBytesMax ? tooLarge : bytes.subarray(fields.start, fields.end));
  }
  pieces.push(bytes.subarray(from));
  return { rest: Buffer.concat(pieces), values };
}

/** Bytes that are no message: half a tag. */
const tooLarge = Uint8Array.of(0x80);
