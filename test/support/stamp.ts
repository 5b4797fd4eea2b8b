/** An id and a time for events that are made by hand, where neither matters. */

import type { Event } from "../../src/bus/bus.js";

export const stamp: Pick<Event, "id" | "time"> = { id: { word0: 0, word1: 0, word2: 0, word3: 0 }, time: 0 };
