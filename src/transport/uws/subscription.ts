/** Reads what a client of `eventwire.v1` asks for in the query of its handshake. */

import type { Asked } from "../../delivery/hub.js";
import { AppError } from "../../domain/errors.js";
import { typesNamed } from "./event-names.js";
import { consumerProtocol } from "./negotiation.js";
import { queryValue, queryValues } from "./query.js";

export interface Subscription {
  /** The bits of the event types that the client wants. */
  readonly types: number;
  readonly asked: Asked;
}

/** Throws INVALID_REQUEST with the name of the wrong parameter and the rule that the parameter breaks. */
export function readSubscription(query: string): Subscription {
  requireValue(query, "protocol", consumerProtocol);
  requireValue(query, "refusal", "http");
  const names = queryValues(query, "events").flatMap((list) => list.split(",").filter((name) => name !== ""));
  return {
    types: typesNamed(names),
    asked: { after: readMark(query, "after"), previous: readMark(query, "previous") },
  };
}

function requireValue(query: string, name: string, only: string): void {
  if (queryValues(query, name).some((value) => value !== only))
    throw new AppError("INVALID_REQUEST", { field: name, rule: `must be ${only}` });
}

/** Reads a text that a node has given to the client before. */
function readMark(query: string, name: string): string | undefined {
  const mark = queryValue(query, name);
  if (mark !== undefined && !/^[\x21-\x7e]{1,64}$/.test(mark))
    throw new AppError("INVALID_REQUEST", { field: name, rule: "must be 1 to 64 visible ASCII characters" });
  return mark;
}
