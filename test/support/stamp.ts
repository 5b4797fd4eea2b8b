/** An id and a time for events that are made by hand, where neither matters. */

import type { Event } from "../../src/bus/bus.js";

export const stamp: Pick<Event, "id" | "time"> = { id: new Uint8Array(16), time: 0 };
