/**
 * The fields `websocket_*` of CreateInstance, which take any JSON value (google.protobuf.Value). A value that cannot be
 * read, or is larger than the limits in this file, counts as a wrong value of its field. It never makes the whole
 * message wrong.
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
 * Largest value that is read, in bytes of binary form. A filter has at most 64 names of 16 characters. A larger value
 * is wrong anyway, and to read it would take long.
 */
const valueBytesMax = 4096;
/** Most values that a JSON value may contain, itself included. */
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

/** Sets `field` to the value that `read` returns. When `read` throws, sets the field to a Value without a kind. */
export function setValue(message: Message, field: DescField, read: () => Value): void {
  let value: Value;
  try {
    value = read();
  } catch {
    value = create(ValueSchema);
  }
  (message as unknown as Record<string, Value>)[field.localName] = value;
}

/**
 * Returns the JSON object without the members of these fields. A member may have either spelling of the field's name.
 */
export function without(json: JsonObject, fields: readonly DescField[]): JsonObject {
  const hidden = new Set(fields.flatMap(({ name, jsonName }) => [name, jsonName]));
  return Object.fromEntries(Object.entries(json).filter(([name]) => !hidden.has(name)));
}

/** Returns `value`. Throws when it contains more than `valueNodesMax` values, as no valid value of a field does. */
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

/**
 * Takes the fields of type google.protobuf.Value out of a binary message. Returns the bytes without these fields, and
 * the bytes of the last value of each field. A value that is too large is returned as bytes that cannot be decoded.
 * Throws WireError when the message is no Protobuf message.
 */
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

/** Stands in place of a value that is too large. This half of a tag is no message, so decoding it fails. */
const tooLarge = Uint8Array.of(0x80);
