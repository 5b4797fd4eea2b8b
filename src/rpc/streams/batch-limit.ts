/** The largest number of events in a batch. */

import { AppError } from "../../domain/errors.js";

/**
 * The contract's rule. It is checked by hand, because protovalidate would look at every event, and publishing does so
 * again.
 */
export const batchEventsMax = 1024;

export function tooManyEvents(): AppError {
  const rule = `must contain no more than ${batchEventsMax} item(s)`;
  return new AppError("INVALID_REQUEST_BODY", { field: "events", rule });
}
