/** Fails every test in which a route answered an error that the contract does not list for it. */

import { subscribe } from "node:diagnostics_channel";
import { afterEach, expect } from "vitest";
import { type UnlistedError, unlistedErrors } from "../../src/rpc/errors/listed-errors.js";

const seen: UnlistedError[] = [];
subscribe(unlistedErrors, (message) => void seen.push(message as UnlistedError));

/** What was answered since this was asked last. */
export function takeUnlistedErrors(): UnlistedError[] {
  return seen.splice(0);
}

afterEach(() => expect(takeUnlistedErrors(), "errors that the contract does not list").toEqual([]));
