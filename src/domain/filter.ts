/** Decides which events of an instance its sockets receive. */

import { eventTypeBit } from "./event-type.js";
import type { Websocket } from "./websocket.js";

export interface Filter {
  /** The bits of the types that are taken; see `eventTypeBit`. */
  readonly types: number;
  readonly mediaBase64: boolean;
}

/** The bits of all types. */
export const allTypes = (1 << eventTypeBit.size) - 1;

/**
 * Takes an enabled configuration: a disabled one has no filter, its `events` are cleared and would read as "all". A type that
 * this release does not know, stored by a later one, takes nothing here and never widens the filter.
 */
export function compileFilter({ events, mediaBase64 }: Websocket): Filter {
  if (events.length === 0) return { types: allTypes, mediaBase64 };
  let types = 0;
  for (const type of events) types |= eventTypeBit.get(type) ?? 0;
  return { types, mediaBase64 };
}
