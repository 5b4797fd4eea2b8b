/** The options of `connect`. */

import type { ControlFrame } from "../../gen/frames.js";
import type { ConnectionEnd } from "./connection-end.js";
import type { DataShapes, EventTypeName, GatewayEvent } from "./frames.js";
import type { PositionStorage } from "./stored-position.js";
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
   * The token of the instance or of its account. In Node.js the token goes into a header. Browsers cannot set headers on
   * a WebSocket, so there the client exchanges the token for a ticket before every connection. The page still knows the
   * token: `ticket` is the better choice for a page.
   */
  readonly token?: string | undefined;
  /**
   * Fetches a ticket, which opens one connection, in place of a token. Called before every connection. When the call
   * fails, the client tries again later, as after a lost connection. When the gateway refuses the ticket, the client
   * fetches one more, because the ticket may have been too old. When the gateway refuses that ticket too, the connection
   * ends.
   */
  readonly ticket?: (() => Promise<string>) | undefined;
  /** The event types to get, at most 64. Empty or absent means all types that the owner's filter takes. */
  readonly events?: readonly (EventTypeName | (string & {}))[] | undefined;
  /** The position after which the connection begins. When the client connects again, it presents a later position. */
  readonly after?: string | undefined;
  /**
   * Where the client stores the position of the last frame that you have dealt with, such as `sessionStorage`: then a page
   * goes on there after a reload. You have dealt with a frame when `onEvent` or `onControl` has returned, or when your loop
   * asks for the next frame. `after` is stronger than a stored position.
   */
  readonly storage?: PositionStorage | undefined;
  /** The id of an earlier connection. `hello.previous` then says how that connection ended. */
  readonly previous?: string | undefined;
  /** Ends the connection, as `close` does. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each event. With this option a loop over the connection is not possible. */
  readonly onEvent?: ((event: GatewayEvent<Shapes>) => void) | undefined;
  /** Called with each control frame when the frame arrives, with or without a loop over the connection. */
  readonly onControl?: ((frame: ControlFrame) => void) | undefined;
  /** Called when the state changes. In `waiting` and `closed`, `end` says how the last connection ended. */
  readonly onState?: ((state: ConnectionState, end: ConnectionEnd | undefined) => void) | undefined;
  /**
   * Most frames that may wait for the loop: 1,024 by default. With more the client leaves the gateway, and connects
   * again when the loop has read all frames.
   */
  readonly queueFramesMax?: number | undefined;
  /** Most characters in the frames that wait for the loop: 67,108,864 by default. A single frame may have more. */
  readonly queueCharactersMax?: number | undefined;
  /** Turns the text of a frame into an object: `JSON.parse` by default. */
  readonly parse?: ((text: string) => unknown) | undefined;
  /** A constructor of WebSockets. The default is that of the browser, and in Node.js that of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor | undefined;
}
