/** The event types stand in two lists, the contract's and the domain's, and nowhere else. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { EventTypeSchema, is_event_type, wire_name } from "../gen/eventwire/v1/event_type_pb.js";
import { eventTypeBit, eventTypes } from "../src/domain/event-type.js";
import { services } from "../src/rpc/services.js";
import { findTypeList } from "./support/type-lists.js";

const listed = EventTypeSchema.values.filter(({ number }) => number !== 0);

describe("the event types of the contract", () => {
  it("are those of src/domain/event-type.ts, in the same order", () => {
    expect(listed.map((value) => getOption(value, wire_name))).toEqual(eventTypes);
  });

  it("are called after their names, and numbered without gaps", () => {
    const named = (type: string, i: number) => [`EVENT_TYPE_${type.replace(".", "_").toUpperCase()}`, i + 1];
    expect(listed.map(({ name, number }) => [name, number])).toEqual(eventTypes.map(named));
  });

  it("begin with those of the first release, which never change", () => {
    const first = ["message.exchange", "message.status", "call.update", "group.flow", "instance.state", "label.update"];
    expect(eventTypes.slice(0, 6)).toEqual(first);
  });

  it("are each explained where the API is documented", () => {
    const rows = readFileSync("gen/api.md", "utf8").matchAll(/^\| `([a-z]+\.[a-z_]+)` \| [A-Z].*\. \|$/gm);
    expect([...rows].map(([, type]) => type)).toEqual(eventTypes);
  });

  it("have a bit each, in a number of 32", () => {
    expect(eventTypes.length).toBeLessThanOrEqual(31);
    expect(new Set(eventTypeBit.values()).size).toBe(eventTypes.length);
  });

  it("are what every field takes that is called event or events in a request", () => {
    const inputs = services.flatMap(({ methods }) => methods.map(({ input }) => input));
    const fields = [...new Set(inputs.flatMap(fieldsOf))].filter(({ scalar }) => scalar === ScalarType.STRING);
    const called = fields.filter(({ name }) => /^events?$/.test(name)).map(String);
    const declared = fields.filter((field) => getOption(field, is_event_type)).map(String);
    expect(declared).toEqual(called);
    expect(declared.length).toBeGreaterThan(1);
  });

  it("are the values that the OpenAPI document allows there", () => {
    const lists = [...readFileSync("gen/openapi.json", "utf8").matchAll(/"enum": (\[\s*"message\.exchange"[^\]]*\])/g)];
    expect(lists.length).toBeGreaterThan(0);
    for (const [, list = ""] of lists) expect(JSON.parse(list)).toEqual(eventTypes);
  });
});

describe("a list of event types", () => {
  const generated = "docs/asyncapi.json";
  const allowed = [
    "proto/eventwire/v1/event_type.proto",
    "src/domain/event-type.ts",
    "test/event-types.test.ts",
    generated,
  ];

  it("stands nowhere else", () => {
    const found = readTexts()
      .filter(({ path }) => !allowed.includes(path))
      .flatMap(({ path, text }) => findTypeList(text, eventTypes)?.replace(/^/, `${path}: `) ?? []);
    expect(found).toEqual([]);
  });

  it.each([
    'const types = ["message.exchange", "message.status", "call.update", "group.flow"];',
    "in:\n      - group.flow\n      - instance.state\n      - message.status\n      - label.update\n",
    "`call.update`, `group.flow`, `instance.state` and `label.update`",
    "An empty filter means all six.",
    "One of the six event types.",
    eventTypes.map((type) => `| ${type} | what it means |`).join("\n"),
  ])("is found in %j", (text) => {
    expect(findTypeList(text, eventTypes)).toBeDefined();
  });

  it.each([
    'events: ["call.update", "group.flow", "label.update"]',
    '{"event":"call.update"},{"event":"group.flow"},{"event":"label.update"},{"event":"message.status"}',
    "stands for the six of `\\u0001`",
  ])("is not found in %j", (text) => {
    expect(findTypeList(text, eventTypes)).toBeUndefined();
  });
});

/** Of a message and of the messages in it. */
function fieldsOf(message: DescMessage): DescField[] {
  return message.fields.flatMap((field) => {
    const inner = field.message;
    return inner === undefined || !inner.typeName.startsWith("eventwire.") ? [field] : [field, ...fieldsOf(inner)];
  });
}

/** What people wrote: not what is installed, built, generated or kept by a running service. */
function readTexts(): { readonly path: string; readonly text: string }[] {
  const others = new Set([".git", "node_modules", "dist", "gen", "data"]);
  const paths = readdirSync(".", { withFileTypes: true }).flatMap((entry) => {
    if (others.has(entry.name)) return [];
    if (entry.isFile()) return [entry.name];
    return readdirSync(entry.name, { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile() && !one.parentPath.includes("node_modules"))
      .map((one) => join(one.parentPath, one.name));
  });
  return paths.map((path) => ({ path, text: readFileSync(path, "utf8") }));
}
