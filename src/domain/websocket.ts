/** The channel configuration of an instance, and what disabling does to it. */

/**
 * As persisted. An empty `events` means all event types; duplicates and order are kept as they were sent. A later release may have
 * stored a type that this one does not know.
 */
export interface Websocket {
  readonly enabled: boolean;
  readonly events: readonly string[];
  readonly mediaBase64: boolean;
}

/** A disabled channel remembers nothing, so both other fields are cleared before saving. */
export const disabledWebsocket: Websocket = { enabled: false, events: [], mediaBase64: false };

/** The configuration that is stored for the requested one. */
export function websocketToSave(asked: Websocket): Websocket {
  return asked.enabled ? asked : disabledWebsocket;
}
