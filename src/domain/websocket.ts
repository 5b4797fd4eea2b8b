/** The channel configuration of an instance, with its version, and the configuration that a disabled channel gets. */

/**
 * The channel configuration as it is stored. An empty `events` means all event types. `events` keeps the order and the
 * duplicates that the caller sent. A later release may have stored an event type that this release does not know.
 */
export interface Websocket {
  readonly enabled: boolean;
  readonly events: readonly string[];
  readonly mediaBase64: boolean;
}

/** A stored channel configuration with its version. */
export interface VersionedWebsocket extends Websocket {
  /**
   * Counts the changes of the configuration. The first stored configuration has version 1. Storing other values adds 1,
   * and storing the same values again adds nothing.
   */
  readonly version: number;
}

/** The configuration that is stored for every disabled channel. It keeps neither event types nor the wish for media. */
export const disabledWebsocket: Websocket = { enabled: false, events: [], mediaBase64: false };

/**
 * The configuration to store when a caller asks for `asked`: `asked` itself, or `disabledWebsocket` when it is
 * disabled.
 */
export function websocketToSave(asked: Websocket): Websocket {
  return asked.enabled ? asked : disabledWebsocket;
}
