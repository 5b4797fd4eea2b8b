/** How many events a batch may have. */

import { AppError } from "../domain/errors.js";

/** As the contract says. Checked by hand: protovalidate would look at every event, and publishing does that again. */
export const batchEventsMax = 1024;

export function tooManyEvents(): AppError {
  const rule = `must contain no more than ${batchEventsMax} item(s)`;
  return new AppError("INVALID_REQUEST_BODY", { field: "events", rule });
}
