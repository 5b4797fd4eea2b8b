/**
 * Compares the errors that a node answers with the errors that the contract lists. An error that is not listed is still
 * sent to the client. It is also published on a diagnostics channel, to which the tests subscribe.
 */

import { channel } from "node:diagnostics_channel";
import type { DescMethod } from "@bufbuild/protobuf";
import { answers, refusals } from "../../../gen/errors.js";
import type { Reason } from "../../domain/errors.js";

/** The name of the diagnostics channel on which unlisted errors are published. */
export const unlistedErrors = "eventwire:unlisted-error";

/** The message on the diagnostics channel about one unlisted error. */
export interface UnlistedError {
  /** The method or the upgrade that answered with the error, as the contract's list names it. */
  readonly route: string;
  readonly reason: Reason;
}

type Lists = Readonly<Record<string, readonly Reason[]>>;
type Compare = (reason: Reason) => void;

const unlisted = channel(unlistedErrors);

/**
 * Makes the function that compares the errors of calls to a method. A method outside the contract has no list, and its
 * errors are not compared.
 */
export function compareAnswers(method: DescMethod): Compare {
  return compare(answers, `${method.parent.typeName}/${method.name}`);
}

/** Makes the function that compares the refusals of single events in the batches that a method takes. */
export function compareRefusals(method: DescMethod): Compare {
  return compare(refusals, `${method.parent.typeName}/${method.name}`);
}

/** Makes the function that compares the errors of the upgrade, which is no method of the contract. */
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
