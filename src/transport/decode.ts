/** Makes the request message of a route from its path, its query and its body. */

import {
  create,
  type DescField,
  type DescMessage,
  getOption,
  hasOption,
  type JsonObject,
  type JsonValue,
  type Message,
  mergeFromJson,
} from "@bufbuild/protobuf";
import { raw_json_of } from "../../gen/eventwire/v1/policy_pb.js";
import { AppError } from "../domain/errors.js";
import { jsonRule } from "../json/json-error.js";
import { isPlainString, scanMembers, textAt } from "../json/scan.js";
import { decodeJson, parseJsonObject, wrongType } from "../rpc/decode-message.js";
import { createNameCache } from "../wire/name-cache.js";
import { isString, isStringList, queryFields, type Route } from "./http-rule.js";
import type { RequestHead } from "./request.js";

/** Throws on a body that is not what the route takes; a field of a wrong type is such a body too. */
export type Decode = (head: RequestHead, instance: string | undefined, body: Buffer) => Message;

/** Unknown members are ignored, and so is a member that the path has filled already. */
export function compileDecode(route: Route): Decode {
  const { method, variable } = route;
  const rawFields = method.input.fields.filter((field) => hasOption(field, raw_json_of));
  const members = route.hasBody ? (rawFields.length > 0 ? undefined : parseBody) : parseQuery(queryFields(route));
  if (members === undefined) return decodeRaw(route, rawFields);
  return (head, instance, body) => {
    const json = members(head, body);
    if (variable !== undefined) fill(json, variable, instance);
    return decodeJson(method.input, json);
  };
}

function parseQuery(fields: readonly DescField[]): (head: RequestHead) => JsonObject {
  const byName = new Map(fields.flatMap((field) => [[field.name, field] as const, [field.jsonName, field] as const]));
  return ({ query }) => {
    const json: JsonObject = {};
    if (query === "" || byName.size === 0) return json;
    for (const [name, value] of new URLSearchParams(query)) {
      const field = byName.get(name);
      if (field === undefined) continue;
      const before = json[field.jsonName];
      if (Array.isArray(before)) before.push(value);
      else json[field.jsonName] = isStringList(field) ? [value] : value;
    }
    return json;
  };
}

function parseBody(head: RequestHead, body: Buffer): JsonObject {
  checkContentType(head.contentType);
  return parseJsonObject(body);
}

/** For a method with a field that takes the source text of a member: the bytes of that member are never parsed. */
function decodeRaw({ method, variable }: Route, rawFields: readonly DescField[]): Decode {
  const raw = rawFields.map((field) => ({ field, member: getOption(field, raw_json_of) }));
  const replaced = new Set(raw.flatMap(({ field, member }) => [field.name, field.jsonName, member]));
  const parsed = method.input.fields
    .filter((field) => field !== variable)
    .flatMap((field) => [...new Set([field.jsonName, field.name])].map((member) => ({ field, member })))
    .filter(({ member }) => !replaced.has(member));
  const members = [...raw, ...parsed].map(({ member }) => member);
  if (!method.input.fields.every(({ fieldKind, oneof }) => fieldKind === "scalar" || oneof !== undefined))
    throw new Error(`${method.input.typeName} has fields that a copy of an empty message would share.`);
  const empty = create(method.input);
  const names = createNameCache(256);
  return (head, instance, body) => {
    checkContentType(head.contentType);
    const ranges = scan(body, members);
    const message = { ...empty };
    if (variable !== undefined) assign(message, variable, instance ?? "");
    for (const { field, member } of parsed) {
      const range = ranges[member];
      if (range === undefined) continue;
      // Parsing a string and merging it costs as much as all the rest of this.
      if (isString(field) && isPlainString(body, range)) {
        assign(message, field, names.read(body, range.start + 1, range.end - 1) as string);
        continue;
      }
      const json: JsonValue = JSON.parse(body.toString("utf8", range.start, range.end));
      merge(method.input, message, { [member]: json });
    }
    for (const { field, member } of raw) {
      const range = ranges[member];
      if (range !== undefined) assign(message, field, textAt(body, range));
    }
    return message;
  };
}

function scan(body: Buffer, members: readonly string[]): ReturnType<typeof scanMembers> {
  try {
    return scanMembers(body, members);
  } catch (cause) {
    throw new AppError("INVALID_REQUEST_BODY", { cause, rule: `body ${jsonRule(cause)}` });
  }
}

function merge(desc: DescMessage, message: Message, json: JsonObject): void {
  try {
    mergeFromJson(desc, message, json);
  } catch (cause) {
    throw wrongType(cause, desc);
  }
}

function fill(json: JsonObject, variable: DescField, instance: string | undefined): void {
  // Both spellings of a field are taken from JSON; only the path's value may be left.
  if (variable.jsonName !== variable.name) delete json[variable.name];
  json[variable.jsonName] = instance ?? "";
}

function assign(message: Message, field: DescField, value: string | Uint8Array): void {
  const fields = message as unknown as Record<string, unknown>;
  if (field.oneof === undefined) fields[field.localName] = value;
  else fields[field.oneof.localName] = { case: field.localName, value };
}

function checkContentType(contentType: string): void {
  if (contentType !== "application/json" && !/^application\/json[\t ]*(;|$)/i.test(contentType.trim())) {
    throw new AppError("INVALID_REQUEST_BODY", { rule: "Content-Type must be application/json" });
  }
}
