/** Decides which events of an instance its sockets receive. */

import { eventTypeBit } from "./event-type.js";
import type { Websocket } from "./websocket.js";

export interface Filter {
  /** The bits of the types that are taken; see `eventTypeBit`. */
  readonly types: number;
  readonly mediaBase64: boolean;
}

const allTypes = (1 << eventTypeBit.size) - 1;

/** Takes an enabled configuration: a disabled one has no filter, its `events` are cleared and would read as "all". */
export function compileFilter({ events, mediaBase64 }: Websocket): Filter {
  let types = 0;
  for (const type of events) types |= eventTypeBit.get(type) ?? 0;
  return { types: types || allTypes, mediaBase64 };
}
