/** The idempotency key that a producer gives an event, so that it may send the event again without a second delivery. */

import { AppError } from "./errors.js";

/** How long a key is remembered, in seconds. */
export const keySeconds = 24 * 60 * 60;

/** Throws AppError INVALID_REQUEST_BODY when the text is no idempotency key. */
export function requireIdempotencyKey(text: string): void {
  if (/^[\x21-\x7e]{1,255}$/.test(text)) return;
  throw new AppError("INVALID_REQUEST_BODY", {
    field: "idempotencyKey",
    rule: "must be 1 to 255 characters of visible ASCII, without spaces",
  });
}
