/** Checks messages by the rules that the contract declares on them. */

import { create, type DescField, type DescMessage, getOption, hasOption, type MessageShape } from "@bufbuild/protobuf";
import type { Path } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { is_event_type } from "../../gen/eventwire/v1/event_type_pb.js";
import { rule } from "../../gen/eventwire/v1/policy_pb.js";
import { AppError } from "../domain/errors.js";
import { eventTypeRule, isEventType } from "../domain/event-type.js";

export interface Validation {
  /** Checks a message by the rules of its type. Throws AppError INVALID_REQUEST_BODY for the first broken rule. */
  check<D extends DescMessage>(desc: D, message: MessageShape<D>): void;
}

/**
 * Creates the validation. Compiles the rules of all `inputs` now, because the first check of a type takes 50 ms, and a
 * later check about 1 µs.
 */
export function createValidation(inputs: readonly DescMessage[]): Validation {
  const validator = createValidator({ failFast: true });
  for (const input of inputs) validator.validate(input, create(input));
  const eventTypeLists = new Map(inputs.map((input) => [input.typeName, input.fields.filter(isEventTypeList)]));
  return {
    check(desc, message) {
      const result = validator.validate(desc, message);
      if (result.kind === "invalid") throw refusal(result.violations[0], result.error);
      if (result.kind === "error") throw result.error;
      for (const field of eventTypeLists.get(desc.typeName) ?? []) checkEventTypes(field, message);
    },
  };
}

/**
 * Whether the field is a list of event types. A single event type is not checked here: publishing checks it, for events
 * in batches too.
 */
function isEventTypeList(field: DescField): boolean {
  return field.fieldKind === "list" && getOption(field, is_event_type);
}

function checkEventTypes({ localName, jsonName }: DescField, message: object): void {
  const names = (message as Record<string, readonly string[]>)[localName] ?? [];
  const unknown = names.findIndex((name) => !isEventType(name));
  if (unknown === -1) return;
  const field = `${jsonName}[${unknown}]`;
  const cause = new Error(`${field} ${eventTypeRule}`);
  throw new AppError("INVALID_REQUEST_BODY", { cause, field, rule: eventTypeRule });
}

/** Makes the refusal for a rule that the message broke. The text of the rule is the sentence of the contract. */
function refusal(violation: Violation | undefined, cause: Error): AppError {
  if (violation === undefined) return new AppError("INVALID_REQUEST_BODY", { cause });
  return new AppError("INVALID_REQUEST_BODY", { cause, field: pathText(violation.field), rule: ruleOf(violation) });
}

/** Returns the rule in words. The sentence for a pattern or a list of values would repeat the pattern or the list. */
function ruleOf({ ruleId, field, message }: Violation): string {
  const last = field.at(-1);
  const hasWords = last?.kind === "field" && hasOption(last, rule);
  return hasWords && (ruleId === "string.pattern" || ruleId === "string.in") ? getOption(last, rule) : message;
}

/**
 * Returns the path of the wrong field as JSON spells it. The key of a map is left out, because it comes from the
 * caller.
 */
function pathText(path: Path): string {
  return path.reduce((text, step) => {
    if (step.kind === "list_sub") return `${text}[${step.index}]`;
    if (step.kind === "map_sub") return `${text}[]`;
    const name = step.kind === "field" ? step.jsonName : step.kind === "oneof" ? step.name : step.typeName;
    return text === "" ? name : `${text}.${name}`;
  }, "");
}
