/** Decides which events of an instance its sockets receive. */

import { eventTypeBit } from "./event-type.js";
import type { Websocket } from "./websocket.js";

export interface Filter {
  /** The bits of the types that the filter takes; see `eventTypeBit`. */
  readonly types: number;
  readonly mediaBase64: boolean;
}

/** The bits of all types. */
export const allTypes = (1 << eventTypeBit.size) - 1;

/**
 * Makes the filter of an enabled configuration. Do not call it for a disabled one: that has no filter, and its cleared
 * `events` would read as "all". A later release may have stored a type that this release does not know; such a type
 * takes nothing and never widens the filter.
 */
export function compileFilter({ events, mediaBase64 }: Websocket): Filter {
  if (events.length === 0) return { types: allTypes, mediaBase64 };
  let types = 0;
  for (const type of events) types |= eventTypeBit.get(type) ?? 0;
  return { types, mediaBase64 };
}
