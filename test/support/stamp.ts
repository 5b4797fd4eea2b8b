/** An id, a time and an account for events that are made by hand, where none of them matters. */

import type { Event } from "../../src/bus/bus.js";

export const stamp: Pick<Event, "id" | "time" | "accountId"> = {
  id: { word0: 0, word1: 0, word2: 0, word3: 0 },
  time: 0,
  accountId: "a",
};
