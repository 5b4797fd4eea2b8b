/** Which events a stored configuration takes. */

import { expect, it } from "vitest";
import { eventTypeBit, eventTypes } from "../../src/domain/event-type.js";
import { compileFilter } from "../../src/domain/filter.js";

function taken(events: readonly string[]): string[] {
  const { types } = compileFilter({ enabled: true, events, mediaBase64: false });
  return eventTypes.filter((type) => (types & (eventTypeBit.get(type) as number)) !== 0);
}

it("takes all types where none is stored, and else the stored ones", () => {
  expect(taken([])).toEqual(eventTypes);
  expect(taken(["call.update", "call.update", "label.update"])).toEqual(["call.update", "label.update"]);
});

it("is never widened by a type that a later release stored", () => {
  expect(taken(["poll.vote"])).toEqual([]);
  expect(taken(["poll.vote", "call.update"])).toEqual(["call.update"]);
});
