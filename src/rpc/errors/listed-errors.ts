/**
 * Compares what is answered with what the contract lists. An error that it does not list is answered all the same, and told
 * to whoever subscribes to the channel, as the tests do.
 */

import { channel } from "node:diagnostics_channel";
import type { DescMethod } from "@bufbuild/protobuf";
import { answers, refusals } from "../../../gen/errors.js";
import type { Reason } from "../../domain/errors.js";

/** The name of the channel. */
export const unlistedErrors = "eventwire:unlisted-error";

/** A message of the channel. */
export interface UnlistedError {
  /** As the contract names it in its list. */
  readonly route: string;
  readonly reason: Reason;
}

type Lists = Readonly<Record<string, readonly Reason[]>>;
type Compare = (reason: Reason) => void;

const unlisted = channel(unlistedErrors);

/** Of calls of a method. One that is no method of the contract has no list, and is not compared. */
export function compareAnswers(method: DescMethod): Compare {
  return compare(answers, `${method.parent.typeName}/${method.name}`);
}

/** Of the items of the batches that a method takes. */
export function compareRefusals(method: DescMethod): Compare {
  return compare(refusals, `${method.parent.typeName}/${method.name}`);
}

/** Of the upgrade, which is no method. */
export function compareUpgrade(): Compare {
  return compare(answers, "GET /ws/{instance}");
}

function compare(lists: Lists, route: string): Compare {
  const list = lists[route];
  if (list === undefined) return () => {};
  const listed = new Set(list);
  return (reason) => {
    if (!listed.has(reason)) unlisted.publish({ route, reason } satisfies UnlistedError);
  };
}
