/** The entry `eventwire/client` for browsers, and for every runtime that has the standard WebSocket. */

import { closeCatalogue } from "../../gen/closes.js";
import type {
  ClosingFrame,
  ConfigChangedFrame,
  ControlFrame,
  EffectiveFilter,
  GapFrame,
  HelloFrame,
  PongFrame,
  RefusedFrame,
} from "../../gen/frames.js";
import type { Connection } from "./connection.js";
import { type ConnectionEnd, ConnectionEndedError } from "./connection-end.js";
import type { DataShapes, EventOf, EventTypeName, Frame, GatewayEvent, OtherEvent } from "./frames.js";
import { LastingConnection } from "./lasting-connection.js";
import type { ConnectionState, ConnectOptions } from "./options.js";
import type { PositionStorage } from "./stored-position.js";
import { dialStandard, type WebSocketConstructor } from "./web-socket-link.js";

declare const WebSocket: WebSocketConstructor;

/**
 * Connects to a gateway and stays connected until `close`, or until the gateway says that it is of no use to come back.
 * Returns at once. Throws a TypeError for options that can never work, such as a URL that is none.
 */
export function connect<Shapes extends DataShapes = object>(options: ConnectOptions<Shapes>): Connection<Shapes> {
  return new LastingConnection(options, dialStandard(options.WebSocket ?? WebSocket));
}

export type {
  ClosingFrame,
  ConfigChangedFrame,
  Connection,
  ConnectionEnd,
  ConnectionState,
  ConnectOptions,
  ControlFrame,
  DataShapes,
  EffectiveFilter,
  EventOf,
  EventTypeName,
  Frame,
  GapFrame,
  GatewayEvent,
  HelloFrame,
  OtherEvent,
  PongFrame,
  PositionStorage,
  RefusedFrame,
  WebSocketConstructor,
};
export { ConnectionEndedError, closeCatalogue };
