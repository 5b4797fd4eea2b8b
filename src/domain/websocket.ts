/** The channel configuration of an instance, and what disabling does to it. */

import type { EventType } from "./event-type.js";

/** As persisted. An empty `events` means all six types; duplicates and order are kept as they were sent. */
export interface Websocket {
  readonly enabled: boolean;
  readonly events: readonly EventType[];
  readonly mediaBase64: boolean;
}

/** A disabled channel remembers nothing: both other fields are cleared before saving. */
export const disabledWebsocket: Websocket = { enabled: false, events: [], mediaBase64: false };

/** What is saved for what was asked. */
export function websocketToSave(asked: Websocket): Websocket {
  return asked.enabled ? asked : disabledWebsocket;
}
