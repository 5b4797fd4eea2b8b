/** The frames of `eventwire.v1` as TypeScript types of their JSON form, for code that knows nothing of Protobuf. */

import { ScalarType } from "@bufbuild/protobuf";
import { commentOf } from "./contract.mjs";

export function framesTs({ frames, rules, rawJsonOf, eventTypes }) {
  const controls = frames.filter((desc) => controlOf(desc, rules) !== undefined);
  return [
    "/** The frames of the consumer protocol in their JSON form. Generated from proto/; do not edit. */",
    "",
    "/** The names of the event types that this release knows. */",
    `export const eventTypeNames = [${eventTypes.map(({ name }) => JSON.stringify(name)).join(", ")}] as const;`,
    "",
    ...frames.flatMap((desc) => declaration(desc, rules, rawJsonOf)),
    "/** A frame that is no event. Its member `control` names its kind. */",
    `export type ControlFrame = ${controls.map(({ name }) => name).join(" | ")};`,
  ].join("\n");
}

function declaration(desc, rules, rawJsonOf) {
  const nested = desc.nestedMessages.flatMap((message) => declaration(message, rules, rawJsonOf));
  // A field with the bytes of another one has no member of its own in JSON.
  const fields = desc.fields.filter((field) => rawJsonOf(field) === undefined && field.scalar !== ScalarType.BYTES);
  return [
    ...nested,
    doc("", commentOf(desc)),
    `export interface ${nameOf(desc)} {`,
    ...fields.flatMap((field) => [doc("  ", commentOf(field)), `  readonly ${member(field, desc, rules)};`]),
    "}",
    "",
  ];
}

/** A control frame has all of its members. Other messages leave out a member without a value. */
function member(field, desc, rules) {
  const optional = field.proto.proto3Optional === true;
  const inControl = controlOf(desc, rules) !== undefined;
  const type = typeOf(field, rules);
  if (!optional) return `${field.jsonName}: ${type}`;
  return inControl ? `${field.jsonName}: ${type} | null` : `${field.jsonName}?: ${type}`;
}

function typeOf(field, rules) {
  const constant = constantOf(field, rules);
  if (constant !== undefined) return JSON.stringify(constant);
  const single = field.message ? messageType(field.message) : scalarType(field.scalar);
  return field.fieldKind === "list" ? `readonly ${single}[]` : single;
}

function messageType(desc) {
  return desc.typeName === "google.protobuf.Struct" ? "Readonly<Record<string, unknown>>" : nameOf(desc);
}

function scalarType(scalar) {
  if (scalar === ScalarType.STRING) return "string";
  if (scalar === ScalarType.BOOL) return "boolean";
  if (scalar === ScalarType.UINT32) return "number";
  throw new Error(`A frame may not have a field of the scalar type ${scalar}.`);
}

/** The kind of a control frame; undefined for every other message. */
export function controlOf(desc, rules) {
  const field = desc.field.control;
  return field && constantOf(field, rules);
}

function constantOf(field, rules) {
  const { type } = rules(field) ?? {};
  return type?.case === "string" && type.value.const !== "" ? type.value.const : undefined;
}

function nameOf(desc) {
  return desc.parent === undefined ? desc.name : `${desc.parent.name}${desc.name}`;
}

function doc(indent, comment) {
  return `${indent}/** ${comment.replaceAll("\n\n", " ")} */`;
}
