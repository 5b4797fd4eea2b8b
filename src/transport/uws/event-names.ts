/** Reads the names of event types by which a client narrows its events. */

import { AppError } from "../../domain/errors.js";
import { eventTypeBit, eventTypeRule } from "../../domain/event-type.js";
import { allTypes } from "../../domain/filter.js";

/** Most names in one list. The rules of the contract have the same number. */
const namesMax = 64;

/**
 * Returns the bits of these event types (see `eventTypeBit`). An empty list means all types. Throws INVALID_REQUEST with
 * the place of the first wrong name.
 */
export function typesNamed(names: readonly unknown[]): number {
  if (names.length === 0) return allTypes;
  if (names.length > namesMax)
    throw new AppError("INVALID_REQUEST", { field: "events", rule: `must have at most ${namesMax} items` });
  return names.reduce<number>((types, name, i) => types | bitOf(name, i), 0);
}

function bitOf(name: unknown, i: number): number {
  const bit = typeof name === "string" ? eventTypeBit.get(name) : undefined;
  if (bit === undefined) throw new AppError("INVALID_REQUEST", { field: `events[${i}]`, rule: eventTypeRule });
  return bit;
}
