/** The interface between the client and a WebSocket library. A link is one WebSocket to the gateway. */

import type { RefusedFrame } from "../../gen/frames.js";

/** The sub-protocol that every link asks for. */
export const protocolName = "eventwire.v1";

/** The close code that WebSocket libraries report when there was no close frame. */
export const withoutCloseFrame = 1006;

export interface Address {
  /** A `ws:` or `wss:` URL. The query has everything that the caller asks for, but no token. */
  readonly url: string;
  /**
   * The token of the instance or account. Goes into a header when the library can set headers, and else is exchanged for
   * a ticket. No URL has the token.
   */
  readonly token: string | undefined;
}

/** How a link ended. */
export interface LinkEnd {
  /** The code of the close frame, or 1006 when there was no close frame. */
  readonly code: number;
  readonly reason: string;
  /** The refusal of the handshake, when the link has read a refusal from an HTTP answer. */
  readonly refused?: RefusedFrame | undefined;
  /** The error of the network or of the library, when there was one. */
  readonly cause?: unknown;
}

export interface LinkListener {
  received(text: string): void;
  /** Called once. No other call follows. */
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

/** Starts a link. Never throws: a failure is reported by a call of `ended` after `Dial` has returned. */
export type Dial = (address: Address, listener: LinkListener) => Link;
