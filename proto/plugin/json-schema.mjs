/** Descriptors and validation rules as JSON Schema: what the JSON form of a message looks like. */

import { ScalarType } from "@bufbuild/protobuf";
import { commentOf } from "./contract.mjs";
import { controlOf } from "./frames-ts.mjs";

const wellKnown = {
  "google.protobuf.Struct": () => ({ type: "object", additionalProperties: true }),
  "google.protobuf.Value": () => ({}),
  "google.protobuf.Timestamp": () => ({ type: "string", format: "date-time" }),
};

const ignoreIfZero = 1;

export function createJsonSchema(contract) {
  const components = {};

  /** Of the members of a body: what must be there is what the rules demand. */
  function requestSchema(message, leaveOut) {
    const properties = {};
    const required = [];
    for (const field of message.fields) {
      if (leaveOut.includes(field.name) || contract.rawJsonOf(field) !== undefined) continue;
      properties[field.jsonName] = described(field);
      if (isRequired(field)) required.push(field.jsonName);
    }
    return { type: "object", properties, ...(required.length > 0 ? { required } : {}) };
  }

  /** The body of a request by its name: the message without what stands in the path. */
  function bodyReference(message, leaveOut) {
    const name = shortName(message).replace(/Request$/, "Body");
    components[name] = { description: commentOf(message), ...requestSchema(message, leaveOut) };
    return { $ref: `#/components/schemas/${name}` };
  }

  /**
   * Of a message that the gateway sends: members are never dropped. Only what is declared optional may be absent, and messages that
   * no rule requires.
   */
  function answerSchema(message) {
    if (controlOf(message, contract.rules) !== undefined) return controlSchema(message);
    const properties = {};
    const required = [];
    for (const field of message.fields) {
      if (contract.frames.includes(message) && isBytes(field)) continue;
      properties[field.jsonName] = described(field);
      const mayBeAbsent = field.fieldKind === "message" || field.proto.proto3Optional;
      if (!mayBeAbsent || isRequired(field)) required.push(field.jsonName);
    }
    return { type: "object", description: commentOf(message), properties, required };
  }

  /** Of a control frame over a WebSocket, which has all of its members: a member without a value is null. */
  function controlSchema(message) {
    const properties = {};
    for (const field of message.fields) {
      const schema = described(field);
      properties[field.jsonName] = field.proto.proto3Optional ? nullable(schema) : schema;
    }
    return { type: "object", description: commentOf(message), properties, required: Object.keys(properties) };
  }

  /** Of a message that a client sends over a WebSocket. */
  function clientReference(message) {
    const name = shortName(message);
    components[name] = { description: commentOf(message), ...requestSchema(message, []) };
    return { $ref: `#/components/schemas/${name}` };
  }

  function reference(message) {
    const known = wellKnown[message.typeName];
    if (known !== undefined) return known();
    const name = shortName(message);
    if (!(name in components)) {
      components[name] = undefined;
      components[name] = answerSchema(message);
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  function described(field) {
    const raw = field.oneof?.fields.some((other) => contract.rawJsonOf(other) === field.jsonName);
    const comment = raw ? `${commentOf(field.oneof)} Its source text stands unchanged in the frame.` : commentOf(field);
    return { ...schemaOf(field), ...(comment === "" ? {} : { description: comment }) };
  }

  function schemaOf(field) {
    const rules = contract.rules(field);
    const names = contract.isEventType(field) ? { enum: contract.eventTypes.map(({ name }) => name) } : {};
    if (field.fieldKind === "message") return reference(field.message);
    if (field.fieldKind === "list") {
      const list = rules?.type.case === "repeated" ? rules.type.value : undefined;
      const items = field.listKind === "message" ? reference(field.message) : scalar(field.scalar, list?.items);
      return {
        type: "array",
        items: { ...items, ...names },
        ...(list?.maxItems ? { maxItems: Number(list.maxItems) } : {}),
      };
    }
    if (field.fieldKind === "scalar") return { ...scalar(field.scalar, rules), ...names };
    throw new Error(`${field.toString()}: a ${field.fieldKind} field has no JSON Schema here yet.`);
  }

  function isRequired(field) {
    if (field.oneof !== undefined) return contract.oneofRules(field.oneof)?.required === true;
    const rules = contract.rules(field);
    if (rules === undefined || rules.ignore === ignoreIfZero) return false;
    const text = rules.type.case === "string" ? rules.type.value : undefined;
    return rules.required || Number(text?.minLen ?? 0) > 0 || (text?.in.length ?? 0) > 0;
  }

  return { requestSchema, bodyReference, clientReference, reference, components };
}

/** `ListInstancesResponse.Instance` of `eventwire.v1.ListInstancesResponse.Instance`. */
export function shortName(message) {
  return message.typeName.slice(message.file.proto.package.length + 1);
}

function isBytes(field) {
  return field.scalar === ScalarType.BYTES;
}

function nullable({ type, description, ...schema }) {
  if (type === undefined) return { anyOf: [schema, { type: "null" }], description };
  return { type: [type, "null"], ...schema, description };
}

function scalar(type, rules) {
  switch (type) {
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.STRING:
      return { type: "string", ...stringRules(rules) };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return { type: "string", pattern: "^-?[0-9]+$" };
    case ScalarType.UINT32:
      return { type: "integer", minimum: 0, maximum: 2 ** 32 - 1, ...integerRules(rules) };
    default:
      throw new Error(`Scalar type ${ScalarType[type]} has no JSON Schema here yet.`);
  }
}

function integerRules(rules) {
  if (rules?.type.case !== "uint32") return {};
  const { greaterThan, lessThan } = rules.type.value;
  return {
    ...(greaterThan.case === "gte" ? { minimum: greaterThan.value } : {}),
    ...(lessThan.case === "lte" ? { maximum: lessThan.value } : {}),
  };
}

function stringRules(rules) {
  if (rules?.type.case !== "string") return {};
  const { const: constant, minLen, maxLen, pattern, in: values } = rules.type.value;
  return {
    ...(constant ? { const: constant } : {}),
    ...(minLen ? { minLength: Number(minLen) } : {}),
    ...(maxLen ? { maxLength: Number(maxLen) } : {}),
    ...(pattern ? { pattern } : {}),
    ...(values.length > 0 ? { enum: values } : {}),
  };
}
