/**
 * Decodes a message of the contract from its binary form or from JSON. The refusal of a message that cannot be decoded
 * has the rule that the message broke. In JSON it also has the name of the wrong field, if a single field is wrong.
 */

import {
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { isFieldError } from "@bufbuild/protobuf/reflect";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { AppError } from "../../domain/errors.js";
import { Cursor } from "../../json/cursor.js";
import { JsonError, jsonRule } from "../../json/json-error.js";
import { requireUtf8 } from "../../json/utf8.js";
import { Fields } from "../../wire/fields.js";
import { recursionLimit } from "./recursion-limit.js";
import { apart, setValue, smallValue, valueFields, without } from "./value-fields.js";

/**
 * Most fields that a message in binary form may have. A message with more is refused, because to decode it would hold
 * the event loop too long.
 */
const fieldsMax = 10_100;

/**
 * Decodes a message from Protobuf's binary form. Throws AppError INVALID_REQUEST_BODY. A google.protobuf.Value that
 * cannot be read becomes a Value without a kind, and the rest of the message counts; see `value-fields.ts`.
 */
export function decodeBinary(desc: DescMessage, bytes: Uint8Array): Message {
  try {
    const { rest, values } = apart(desc, bytes);
    boundFields(rest);
    const message = fromBinary(desc, rest, { recursionLimit, readUnknownFields: false });
    for (const [field, value] of values)
      setValue(message, field, () => fromBinary(ValueSchema, value, { recursionLimit }));
    return message;
  } catch (cause) {
    throw new AppError("INVALID_REQUEST_BODY", {
      cause,
      rule: `message must be a ${desc.typeName} in Protobuf's binary form`,
    });
  }
}

/** Throws WireError when the message has more than `fieldsMax` fields. */
function boundFields(message: Uint8Array): void {
  const fields = new Fields(message, 0, message.length, fieldsMax);
  while (fields.next());
}

/** Parses `bytes` as a JSON object. Throws AppError INVALID_REQUEST_BODY. */
export function parseJsonObject(bytes: Uint8Array): JsonObject {
  try {
    requireUtf8(bytes);
    const json: JsonValue = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return json;
  } catch (cause) {
    throw new AppError("INVALID_REQUEST_BODY", {
      cause,
      rule: `body ${jsonRule(cause instanceof SyntaxError ? faultOf(bytes) : cause)}`,
    });
  }
  throw new AppError("INVALID_REQUEST_BODY", { rule: `body ${jsonRule(undefined)}` });
}

/**
 * Returns the error of a text that is no JSON, with the offset of the fault. JSON.parse does not say where it stopped.
 */
function faultOf(bytes: Uint8Array): unknown {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return new JsonError("a byte order mark stands", 0);
  try {
    new Cursor(bytes).run(Number.POSITIVE_INFINITY);
    return undefined;
  } catch (fault) {
    return fault;
  }
}

/**
 * Makes a message from a parsed JSON object. Unknown members are ignored. Throws AppError INVALID_REQUEST_BODY. A field
 * of type google.protobuf.Value that cannot be read becomes a Value without a kind; see `value-fields.ts`.
 */
export function decodeJson(desc: DescMessage, json: JsonObject): Message {
  try {
    const values = valueFields(desc);
    const rest = values.length === 0 ? json : without(json, values);
    const message = fromJson(desc, rest, { ignoreUnknownFields: true, recursionLimit });
    for (const field of values) {
      const name = Object.hasOwn(json, field.jsonName) ? field.jsonName : field.name;
      if (!Object.hasOwn(json, name)) continue;
      setValue(message, field, () => fromJson(ValueSchema, smallValue(json[name]), { recursionLimit }));
    }
    return message;
  } catch (cause) {
    throw wrongType(cause, desc);
  }
}

/**
 * Makes the refusal of JSON that the Protobuf library did not take. When a member has a wrong type, the refusal names
 * the member. The rule is in our own words, because the sentences of the library repeat the caller's value.
 */
export function wrongType(error: unknown, desc: DescMessage): AppError {
  const cause = error instanceof Error && isFieldError(error.cause) ? error.cause : error;
  if (!isFieldError(cause)) {
    const rule = `body must be a ${desc.typeName} in JSON of at most ${recursionLimit} nested levels`;
    return new AppError("INVALID_REQUEST_BODY", { cause, rule });
  }
  const field = cause.field();
  if (field.kind === "oneof")
    return new AppError("INVALID_REQUEST_BODY", { cause, field: field.name, rule: "must be one of its kinds" });
  const item = /^list item #(\d+)/.exec(cause.message)?.[1];
  const index = item === undefined ? "" : `[${Number(item) - 1}]`;
  return new AppError("INVALID_REQUEST_BODY", {
    cause,
    field: `${field.jsonName}${index}`,
    rule: `must be ${typeName(field, item !== undefined)}`,
  });
}

function typeName(field: DescField, item: boolean): string {
  if (field.fieldKind === "list" && !item) return "a list";
  switch (field.fieldKind === "map" ? undefined : field.scalar) {
    case undefined:
      return "a JSON object";
    case ScalarType.STRING:
      return "a string";
    case ScalarType.BOOL:
      return "a boolean";
    case ScalarType.BYTES:
      return "bytes in base64";
    case ScalarType.UINT32:
      return "a whole number from 0 on";
    default:
      return "a number";
  }
}
