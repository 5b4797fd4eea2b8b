/** The contract in prose: every service, call, message and field with its comment and its REST binding. */

import { ScalarType } from "@bufbuild/protobuf";
import { commentOf } from "./contract.mjs";
import { shortName } from "./json-schema.mjs";

export function apiDocs(contract) {
  const lines = [
    "# eventwire.v1",
    "",
    "Generated from `proto/`; do not edit.",
    "",
    "Every call, message and field of the contract, with rules and errors. REST is also described by `openapi.json`.",
    "What the errors mean stands in [ERRORS.md](../docs/ERRORS.md).",
    "",
  ];
  for (const service of contract.services) {
    lines.push(`## ${service.name}`, "", service.comment, "");
    for (const method of service.methods) lines.push(...methodDocs(service, method));
  }
  lines.push("## The upgrade", "", "`GET /ws/{instance}` on the public port opens a socket. It is refused with:", "");
  lines.push(...errorTable(contract.upgrade.errors));
  lines.push("## Event types", "", ...eventTypeDocs(contract), "");
  lines.push("## Messages", "");
  for (const message of contract.messages) lines.push(...messageDocs(contract, message));
  return lines.join("\n").trimEnd();
}

function methodDocs(service, { desc, name, comment, binding, furtherBindings, policy, errors, refusals }) {
  const stream = { client: desc.methodKind === "client_streaming" || desc.methodKind === "bidi_streaming" };
  stream.server = desc.methodKind === "server_streaming" || desc.methodKind === "bidi_streaming";
  const callers = {
    ANYONE: "anyone",
    ACCOUNT: "TokenAccount",
    ACCOUNT_OR_INSTANCE: "TokenAccount, or the TokenInstance of the instance",
  };
  return [
    `### ${name}`,
    "",
    comment,
    "",
    `- RPC: \`/${service.desc.typeName}/${name}\` (${link(desc.input, stream.client)} → ${link(desc.output, stream.server)})`,
    binding === undefined
      ? "- REST: none"
      : `- REST: ${[binding, ...furtherBindings].map(route).join(" or ")}, answered ${policy.successStatus}`,
    `- Who may: ${callers[policy.caller]}`,
    `- Rate limit: ${policy.bucket === undefined ? "none" : `\`${policy.bucket}\``}`,
    `- Largest body: ${policy.bodyLimit}`,
    ...(refusals.length > 0
      ? [`- Refusals in an answer: ${refusals.map(({ reason }) => `\`${reason}\``).join(", ")}`]
      : []),
    "",
    ...errorTable(errors),
  ];
}

function route({ verb, path }) {
  return `\`${verb.toUpperCase()} ${path}\``;
}

function errorTable(errors) {
  return [
    "| error | HTTP | code | message |",
    "| --- | --- | --- | --- |",
    ...errors.map(({ reason, status, code, message }) => `| \`${reason}\` | ${status} | \`${code}\` | ${message} |`),
    "",
  ];
}

function eventTypeDocs({ eventTypes }) {
  const rows = eventTypes.map(({ name, meaning }) => `| \`${name}\` | ${meaning} |`);
  return ["| type | when |", "| --- | --- |", ...rows];
}

function messageDocs(contract, message) {
  const lines = [`### ${shortName(message)}`, "", commentOf(message), ""];
  if (message.fields.length > 0) {
    lines.push("| field | JSON | type | rules | meaning |", "| --- | --- | --- | --- | --- |");
    for (const field of message.fields) {
      const cells = [`\`${field.name}\` = ${field.number}`, jsonName(contract, field), typeName(field)];
      cells.push(ruleText(contract, field), commentOf(field).replaceAll("\n\n", " "));
      lines.push(`| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
    }
    lines.push("");
  }
  return [...lines, ...message.nestedMessages.flatMap((nested) => messageDocs(contract, nested))];
}

function jsonName(contract, field) {
  const header = contract.headerOf(field);
  if (header !== undefined) return `\`${field.jsonName}\`; or the header \`${header}\``;
  const raw = contract.rawJsonOf(field);
  if (raw === undefined) return `\`${field.jsonName}\``;
  const where = contract.frames.includes(field.parent) ? "a WebSocket" : "REST";
  return `\`${field.jsonName}\`; over ${where} the source text of \`${raw}\``;
}

function typeName(field) {
  if (field.fieldKind === "message") return link(field.message, false);
  if (field.fieldKind === "list") {
    return `repeated ${field.listKind === "message" ? link(field.message, false) : ScalarType[field.scalar].toLowerCase()}`;
  }
  return ScalarType[field.scalar].toLowerCase();
}

function link(message, isStream) {
  const prefix = isStream ? "stream " : "";
  if (!message.typeName.startsWith("eventwire.")) return `${prefix}\`${message.typeName}\``;
  const name = shortName(message);
  return `${prefix}[${name}](#${name.toLowerCase().replaceAll(".", "")})`;
}

function ruleText(contract, field) {
  const rules = contract.rules(field);
  const parts = [];
  if (field.oneof !== undefined) {
    parts.push(`one of \`${field.oneof.name}\`${contract.oneofRules(field.oneof)?.required ? ", required" : ""}`);
  }
  if (rules?.required) parts.push("required");
  if (rules?.type.case === "string") parts.push(...stringText(rules.type.value));
  if (rules?.type.case === "repeated") {
    const { maxItems, items } = rules.type.value;
    if (maxItems) parts.push(`at most ${maxItems}`);
    if (items?.type.case === "string") parts.push(...stringText(items.type.value).map((text) => `each ${text}`));
  }
  if (contract.isEventType(field))
    parts.push(`${field.fieldKind === "list" ? "each " : ""}an [event type](#event-types)`);
  return parts.join("; ");
}

function stringText({ minLen, maxLen, pattern, in: values }) {
  const parts = [];
  if (minLen || maxLen) parts.push(`${minLen ?? 0} to ${maxLen ?? "any number of"} characters`);
  if (pattern) parts.push(`matches \`${pattern}\``);
  if (values.length > 0) parts.push(`one of ${values.map((value) => `\`${value}\``).join(", ")}`);
  return parts;
}
