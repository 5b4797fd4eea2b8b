/**
 * Makes a message from the text of a JSON object without parsing its large members. The text of a member that
 * `raw_json_of` names is taken byte for byte. Base64 above 64 KiB is decoded in slices, so that it does not hold the
 * event loop. Any other member above 64 KiB is refused.
 */

import {
  create,
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type JsonValue,
  type Message,
  mergeFromJson,
  ScalarType,
} from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { raw_json_of } from "../../../gen/eventwire/v1/policy_pb.js";
import { AppError } from "../../domain/errors.js";
import { CheckedObject } from "../../json/checked-object.js";
import { depthMax } from "../../json/cursor.js";
import { JsonError, jsonRule } from "../../json/json-error.js";
import { parsedBytesMax } from "../../json/parsed-bytes.js";
import { isPlainString, type Range, type Ranges, scanMembers, textAt } from "../../json/scan.js";
import { inSlices } from "../../json/slices.js";
import { Base64 } from "../../wire/base64.js";
import { createNameCache } from "../../wire/name-cache.js";
import { wrongType } from "./decode-message.js";
import { isTimestamp, timestampOfJson } from "./timestamp.js";

/**
 * Makes a message from the text of a JSON object. `instance` is the name from the path of a REST call. Returns no
 * promise for a text of usual size (up to 128 KiB). Throws or rejects with AppError. Bytes in the message may be views
 * of `text`.
 */
export type DecodeRawJson = (text: Buffer, instance?: string) => Message | Promise<Message>;

/** Whether messages of this type have a field that takes the source text of a JSON member. */
export function hasRawField(desc: DescMessage): boolean {
  return desc.fields.some((field) => hasOption(field, raw_json_of));
}

/**
 * Makes the function that decodes messages of one type. Unknown members are ignored. `variable` is given only for REST:
 * it is the field for the instance, which comes from the path and never from the body. Over REST, the field that takes
 * the text of a member cannot be set under its own name.
 */
export function compileRawJson(desc: DescMessage, variable?: DescField): DecodeRawJson {
  const rawFields = desc.fields.filter((field) => hasOption(field, raw_json_of));
  const raw = rawFields.map((field) => ({ field, member: getOption(field, raw_json_of) }));
  const hidden = new Set(raw.map(({ member }) => member));
  if (variable !== undefined) for (const field of rawFields) hidden.add(field.name).add(field.jsonName);
  const parsed = desc.fields
    .filter((field) => field !== variable)
    .flatMap((field) => [...new Set([field.jsonName, field.name])].map((member) => ({ field, member })))
    .filter(({ member }) => !hidden.has(member));
  const members = [...raw, ...parsed].map(({ member }) => member);
  if (!desc.fields.every((field) => field.fieldKind === "scalar" || field.oneof !== undefined || isTimestamp(field)))
    throw new Error(`${desc.typeName} has fields that a copy of an empty message would share.`);
  const empty = create(desc);
  const names = createNameCache(256);

  function read(text: Buffer, instance: string | undefined, ranges: Ranges<string>): Message | Promise<Message> {
    const message = { ...empty };
    const later: { field: DescField; base64: Base64; done: Promise<void> }[] = [];
    if (variable !== undefined) assign(message, variable, instance ?? "");
    for (const { field, member } of parsed) {
      const range = ranges[member];
      if (range === undefined) continue;
      // A short string without escapes is read directly. To parse and merge the string would cost as much as all other
      // work here.
      if (isScalar(field, ScalarType.STRING) && isShort(range) && isPlainString(text, range)) {
        assign(message, field, names.read(text, range.start + 1, range.end - 1) as string);
        continue;
      }
      if (!isShort(range) && isScalar(field, ScalarType.BYTES) && text[range.start] === quote) {
        const base64 = new Base64(text, range.start + 1, range.end - 1);
        const done = decode(base64, field);
        if (done === undefined) assign(message, field, base64.result());
        else later.push({ field, base64, done });
        continue;
      }
      merge(message, field, member, text, range);
    }
    for (const { field, member } of raw) {
      const range = ranges[member];
      if (range !== undefined) assignText(message, field, member, textAt(text, range));
    }
    if (later.length === 0) return message;
    return Promise.all(later.map(({ done }) => done)).then(() => {
      for (const { field, base64 } of later) assign(message, field, base64.result());
      return message;
    });
  }

  function merge(message: Message, field: DescField, member: string, text: Buffer, range: Range): void {
    if (!isShort(range)) throw refusal(field, `must be at most ${parsedBytesMax} bytes of JSON`);
    const json: JsonValue = JSON.parse(text.toString("utf8", range.start, range.end));
    if (isTimestamp(field)) {
      // A member that is null counts as absent, as everywhere in Protobuf's JSON form.
      if (json !== null) assign(message, field, timestampOfJson(json, field.jsonName));
      return;
    }
    try {
      mergeFromJson(desc, message, { [member]: json });
    } catch (cause) {
      throw wrongType(cause, desc);
    }
  }

  return (text, instance) => {
    try {
      const ranges = scanMembers(text, members, memberLevelsMax);
      if (!(ranges instanceof Promise)) return read(text, instance, ranges);
      return ranges.catch(refuseText).then((found) => read(text, instance, found));
    } catch (cause) {
      return refuseText(cause);
    }
  };
}

/** Most levels of a body. The data of an event may have `depthMax` levels, and stands one level below the body. */
const memberLevelsMax = depthMax + 1;
const quote = 0x22;
const nullStart = 0x6e;

function isShort({ start, end }: Range): boolean {
  return end - start <= parsedBytesMax;
}

function decode(base64: Base64, field: DescField): Promise<void> | undefined {
  const refuse = (cause: unknown): never => {
    throw refusal(field, "must be bytes in base64", cause);
  };
  try {
    return inSlices(base64)?.catch(refuse);
  } catch (cause) {
    return refuse(cause);
  }
}

function assignText(message: Message, field: DescField, member: string, text: Uint8Array): void {
  // A member that is null counts as absent, as everywhere in Protobuf's JSON form.
  if (text[0] === nullStart) return;
  if (!(text instanceof CheckedObject)) {
    const rule = jsonRule(new JsonError("expected an object", 0));
    throw new AppError("INVALID_REQUEST_BODY", { field: member, rule });
  }
  const oneof = field.oneof && (message as unknown as Record<string, { case?: unknown }>)[field.oneof.localName];
  if (oneof?.case !== undefined)
    throw new AppError("INVALID_REQUEST_BODY", { field: member, rule: `must not stand beside ${field.jsonName}` });
  assign(message, field, text);
}

function assign(message: Message, field: DescField, value: string | Uint8Array | Timestamp): void {
  const fields = message as unknown as Record<string, unknown>;
  if (field.oneof === undefined) fields[field.localName] = value;
  else fields[field.oneof.localName] = { case: field.localName, value };
}

function isScalar(field: DescField, scalar: ScalarType): boolean {
  return field.fieldKind === "scalar" && field.scalar === scalar;
}

function refuseText(cause: unknown): never {
  if (cause instanceof AppError) throw cause;
  throw new AppError("INVALID_REQUEST_BODY", { cause, rule: `body ${jsonRule(cause)}` });
}

function refusal({ jsonName }: DescField, rule: string, cause?: unknown): AppError {
  return new AppError("INVALID_REQUEST_BODY", { cause, field: jsonName, rule });
}
