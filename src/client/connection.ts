/** What a caller of `connect` holds: one lasting connection, which comes back by itself over as many links as it takes. */

import type { EffectiveFilter, HelloFrame, PongFrame } from "../../gen/frames.js";
import type { ConnectionEnd } from "./connection-end.js";
import type { DataShapes, EventTypeName, Frame, GatewayEvent } from "./frames.js";
import type { ConnectionState } from "./options.js";

/**
 * Iterating gives the events in order, and ends when the connection does: with a ConnectionEndedError when the gateway
 * ended the connection for good, quietly after `close`. Leaving the loop closes the connection. One loop at a time.
 */
export interface Connection<Shapes extends DataShapes = object> extends AsyncIterable<GatewayEvent<Shapes>> {
  readonly state: ConnectionState;
  /** How the last link to the gateway ended. Undefined before the first end. */
  readonly end: ConnectionEnd | undefined;
  /** The last `hello` of the gateway. */
  readonly hello: HelloFrame | undefined;
  /** The position of the last event that arrived, or a later one where nothing happened. Undefined without a history. */
  readonly position: string | undefined;
  /** The first `hello`. Rejects with a ConnectionEndedError when the connection ends without one. */
  readonly opened: Promise<HelloFrame>;
  /** Resolves when the client does not come back, and says why. Never rejects. */
  readonly closed: Promise<ConnectionEnd>;
  /** Like iterating over the connection, with the control frames in their places among the events. */
  frames(): AsyncIterableIterator<Frame<Shapes>>;
  /**
   * Narrows to these event types, at most 64; an empty list means all that the owner's filter takes. Resolves with the
   * filter in force: the events after it follow the new one. While the connection is away, the next one begins with it.
   * Rejects when the gateway does not understand it, and when the connection ends. Of several at once the last holds.
   */
  narrow(events: readonly (EventTypeName | (string & {}))[]): Promise<EffectiveFilter>;
  /** Asks the gateway for a sign of life. Rejects when the connection is not open, or is lost before the answer. */
  ping(): Promise<PongFrame>;
  /** Ends the connection for good. What has arrived can still be read. */
  close(): void;
}
