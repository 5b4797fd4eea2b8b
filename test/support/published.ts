/** What a published event is answered with: the same for every event but for its id, a UUIDv7. */

import { expect } from "vitest";

const uuidv7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

export const message = "Event published";
export const eventId = expect.stringMatching(new RegExp(`^${uuidv7}$`));
export const published = { success: true, message, id: eventId };

/** As REST writes it; `before` and `after`: members that stand before and after the id. */
export function publishedText(before = "", after = "") {
  return expect.stringMatching(
    new RegExp(`^{"success":true,"message":"${message}",${before}"id":"${uuidv7}"${after}}$`),
  );
}
