/** Makes the message of a REST request from the path, the query and the body. */

import type { DescField, JsonObject, Message } from "@bufbuild/protobuf";
import { AppError } from "../../../domain/errors.js";
import { decodeJson, parseJsonObject } from "../../../rpc/decoding/decode-message.js";
import { compileRawJson, hasRawField } from "../../../rpc/decoding/raw-json.js";
import type { RequestHead } from "../request.js";
import { isStringList, queryFields, type Route } from "./http-rule.js";

/**
 * Decodes a request. Throws or rejects when the body does not fit the route, for example when a field has a wrong type.
 * Returns a promise only for a body that is unusually large.
 */
export type Decode = (head: RequestHead, instance: string | undefined, body: Buffer) => Message | Promise<Message>;

/**
 * Makes the decoder of a route. The decoder ignores unknown members of the body or the query, and a member that the
 * path has filled already.
 */
export function compileDecode(route: Route): Decode {
  const { method, variable } = route;
  if (route.hasBody && hasRawField(method.input)) {
    const decode = compileRawJson(method.input, variable);
    return (head, instance, body) => {
      checkContentType(head.contentType);
      return decode(body, instance);
    };
  }
  const members = route.hasBody ? parseBody : parseQuery(queryFields(route));
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

function fill(json: JsonObject, variable: DescField, instance: string | undefined): void {
  // A client may write a field in either of two spellings. Both are removed, so that only the value from the path is
  // left.
  if (variable.jsonName !== variable.name) delete json[variable.name];
  json[variable.jsonName] = instance ?? "";
}

function checkContentType(contentType: string): void {
  if (contentType !== "application/json" && !/^application\/json[\t ]*(;|$)/i.test(contentType.trim())) {
    throw new AppError("INVALID_REQUEST_BODY", { rule: "Content-Type must be application/json" });
  }
}
