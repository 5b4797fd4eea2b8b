/** The object that `connect` returns. After a loss it connects again by itself. */

import type { EffectiveFilter, HelloFrame, PongFrame } from "../../gen/frames.js";
import type { ConnectionEnd } from "./connection-end.js";
import type { DataShapes, EventTypeName, Frame, GatewayEvent } from "./frames.js";
import type { ConnectionState } from "./options.js";

/**
 * A connection to the gateway. A `for await` loop over the connection gives the events in order. The loop ends when
 * `close` was called, and throws ConnectionEndedError when the gateway has ended the connection for good. Leaving the
 * loop closes the connection. A connection can have one loop.
 */
export interface Connection<Shapes extends DataShapes = object> extends AsyncIterable<GatewayEvent<Shapes>> {
  readonly state: ConnectionState;
  /** How the connection ended the last time. Undefined before that. */
  readonly end: ConnectionEnd | undefined;
  /** The last `hello` of the gateway. */
  readonly hello: HelloFrame | undefined;
  /** The position up to which all events have arrived. Undefined when the gateway keeps no history. */
  readonly position: string | undefined;
  /** The first `hello`. Rejects with a ConnectionEndedError when the connection ends without one. */
  readonly opened: Promise<HelloFrame>;
  /** Resolves when the client does not connect again, with the reason. Never rejects. */
  readonly closed: Promise<ConnectionEnd>;
  /** Returns the events and the control frames, in the order in which they arrived, in place of the events alone. */
  frames(): AsyncIterableIterator<Frame<Shapes>>;
  /**
   * Narrows the connection to these event types, at most 64. An empty list means all types that the owner's filter
   * takes. Resolves with the filter that is in force from then on. When the client connects again, the narrowing stays
   * in force. Rejects when the gateway does not understand the types, and when the connection ends for good. Of several
   * narrowings at once the last is in force.
   */
  narrow(events: readonly (EventTypeName | (string & {}))[]): Promise<EffectiveFilter>;
  /** Asks the gateway for a `pong`. Rejects when the connection is not open, or is lost before the `pong`. */
  ping(): Promise<PongFrame>;
  /** Ends the connection for good. A loop still gets the frames that have arrived. */
  close(): void;
}
