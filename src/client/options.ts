/** What a caller of `connect` says: which events, with which token, and what to call. */

import type { ControlFrame } from "../../gen/frames.js";
import type { ConnectionEnd } from "./connection-end.js";
import type { DataShapes, EventTypeName, GatewayEvent } from "./frames.js";
import type { WebSocketConstructor } from "./web-socket-link.js";

/**
 * `connecting`: a connection is being made. `open`: the gateway has said hello. `waiting`: the connection is lost, and
 * the client comes back by itself. `closed`: the client does not come back.
 */
export type ConnectionState = "connecting" | "open" | "waiting" | "closed";

export interface ConnectOptions<Shapes extends DataShapes = object> {
  /** The public port of the gateway, such as `https://events.example.net`. A path in front of `/ws` is kept. */
  readonly url: string | URL;
  /** Name of the instance. Without a name the connection gets all instances of the account whose token it has. */
  readonly instance?: string | undefined;
  /**
   * The token of the instance or of its account. In Node.js it goes into a header. Browsers cannot set headers, so there
   * it stands in the URL, where logs may keep it: give a page a `ticket` when you can.
   */
  readonly token?: string | undefined;
  /**
   * Fetches a ticket, which opens one connection, in place of a token. Called before every connection. When it fails,
   * the client tries again later, as for a lost connection.
   */
  readonly ticket?: (() => Promise<string>) | undefined;
  /** The event types to get, at most 64. Empty or absent: all that the owner's filter takes. */
  readonly events?: readonly (EventTypeName | (string & {}))[] | undefined;
  /** The position to go on after. The client keeps the later ones by itself. */
  readonly after?: string | undefined;
  /** The id of an earlier connection; `hello.previous` then says how it ended. The client keeps the later ones by itself. */
  readonly previous?: string | undefined;
  /** Ends the connection, as `close` does. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event. Who gives this cannot iterate. */
  readonly onEvent?: ((event: GatewayEvent<Shapes>) => void) | undefined;
  /** Called with each control frame when it arrives, also when somebody iterates. */
  readonly onControl?: ((frame: ControlFrame) => void) | undefined;
  /** Called when the state changes. `end` says how the last connection ended, in `waiting` and `closed`. */
  readonly onState?: ((state: ConnectionState, end: ConnectionEnd | undefined) => void) | undefined;
  /** Most frames that wait for who iterates: 1,024 by default. With more the client leaves, and comes back after it. */
  readonly queueFramesMax?: number | undefined;
  /** Most characters of text in these frames: 67,108,864 by default. A single frame may be larger. */
  readonly queueCharactersMax?: number | undefined;
  /** Turns the text of a frame into an object: `JSON.parse` by default. */
  readonly parse?: ((text: string) => unknown) | undefined;
  /** The WebSocket to use, with the standard interface. By default that of the browser, and in Node.js the package `ws`. */
  readonly WebSocket?: WebSocketConstructor | undefined;
}
