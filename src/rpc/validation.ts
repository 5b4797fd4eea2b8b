/** Checks the rules that the contract declares on its messages. */

import { create, type DescField, type DescMessage, getOption, type MessageShape } from "@bufbuild/protobuf";
import type { Path } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { is_event_type } from "../../gen/eventwire/v1/event_type_pb.js";
import { AppError } from "../domain/errors.js";
import { eventTypeRule, isEventType } from "../domain/event-type.js";

export interface Validation {
  /** Throws AppError INVALID_REQUEST_BODY. */
  check<D extends DescMessage>(desc: D, message: MessageShape<D>): void;
}

/** Compiles the rules of `inputs` now: the first use of a type takes 50 ms, and later uses about 1 µs. */
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

/** A single field that is an event type is checked by publishing, for the sake of its batches. */
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

/** The refusal of a violation. Its rule is the sentence of the contract. */
function refusal(violation: Violation | undefined, cause: Error): AppError {
  if (violation === undefined) return new AppError("INVALID_REQUEST_BODY", { cause });
  return new AppError("INVALID_REQUEST_BODY", { cause, field: pathText(violation.field), rule: violation.message });
}

/** The field as JSON spells it. The key of a map comes from the caller, so it is left out. */
function pathText(path: Path): string {
  return path.reduce((text, step) => {
    if (step.kind === "list_sub") return `${text}[${step.index}]`;
    if (step.kind === "map_sub") return `${text}[]`;
    const name = step.kind === "field" ? step.jsonName : step.kind === "oneof" ? step.name : step.typeName;
    return text === "" ? name : `${text}.${name}`;
  }, "");
}
