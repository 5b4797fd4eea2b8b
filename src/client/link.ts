/** The port between the client and the library that holds a WebSocket: one link is one connection to the gateway. */

import type { RefusedFrame } from "../../gen/frames.js";

/** The sub-protocol that every link asks for. */
export const protocolName = "eventwire.v1";

/** The close code of a link that got no close frame, as every WebSocket library reports it. */
export const withoutCloseFrame = 1006;

export interface Address {
  /** A `ws:` or `wss:` URL. Its query has everything that the caller asks for except the token. */
  readonly url: string;
  /** A token that lives long. A dial puts the token into a header when the library of the link can set headers. */
  readonly token: string | undefined;
}

/** How a link ended. */
export interface LinkEnd {
  /** The code of the close frame, or 1006 without one. */
  readonly code: number;
  readonly reason: string;
  /** A refusal that the link read from an HTTP answer, in the form of the frame. */
  readonly refused?: RefusedFrame | undefined;
  /** The error of the network or of the library, when there was one. */
  readonly cause?: unknown;
}

export interface LinkListener {
  received(text: string): void;
  /** Called once, and last. */
  ended(end: LinkEnd): void;
}

export interface Link {
  /** Sends a text message. Does nothing when the link is not open. */
  send(text: string): void;
  /** Ends the link with the close code 1000. The listener hears nothing more. */
  close(): void;
  /** Ends the link without waiting for the peer. The listener hears nothing more. */
  drop(): void;
}

/** Starts a link. Does not throw: a failure is a call of `ended` in a later turn. */
export type Dial = (address: Address, listener: LinkListener) => Link;
