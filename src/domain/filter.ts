/**
 * Makes the filter of a channel configuration: the event types as bits, and whether frames carry media. Delivery reads
 * the filter for each event.
 */

import { eventTypeBit } from "./event-type.js";
import type { Websocket } from "./websocket.js";

export interface Filter {
  /** The bits of the event types that the filter takes; see `eventTypeBit`. */
  readonly types: number;
  readonly mediaBase64: boolean;
}

/** The bits of all event types together: the filter that takes every type. */
export const allTypes = (1 << eventTypeBit.size) - 1;

/**
 * Makes the filter of an enabled configuration. Do not call this for a disabled configuration: its empty `events` would
 * mean all types. A type that only a later release knows matches no event here, so it never widens the filter.
 */
export function compileFilter({ events, mediaBase64 }: Websocket): Filter {
  if (events.length === 0) return { types: allTypes, mediaBase64 };
  let types = 0;
  for (const type of events) types |= eventTypeBit.get(type) ?? 0;
  return { types, mediaBase64 };
}
