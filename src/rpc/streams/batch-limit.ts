/** The largest number of events in a batch, and the error for more. */

import { AppError } from "../../domain/errors.js";

/**
 * Most events in a batch, by the rule of the contract. Our code checks this rule by hand, because protovalidate would
 * look at every event, and publishing looks at every event anyway.
 */
export const batchEventsMax = 1024;

export function tooManyEvents(): AppError {
  const rule = `must contain no more than ${batchEventsMax} item(s)`;
  return new AppError("INVALID_REQUEST_BODY", { field: "events", rule });
}
