/** Answers a handshake with 101, which turns the request into a WebSocket. */

import type { Header } from "../cors.js";
import type { Exchange } from "./exchange.js";
import type { UpgradeCork } from "./quirks.js";
import type { us_socket_context_t } from "./uws.js";

/** A correct handshake of RFC 6455 on a connection of uWebSockets. */
export interface Handshake {
  /** The `Sec-WebSocket-Key`. */
  readonly key: string;
  readonly socketContext: us_socket_context_t;
}

export interface HandshakeAnswer<T> {
  /** What uWebSockets keeps for the socket. */
  readonly data: T;
  /** The selected sub-protocol; empty for none. */
  readonly subprotocol: string;
  readonly headers?: readonly Header[];
}

/** The exchange must be open. uWebSockets calls its open handler before this function returns. */
export function acceptHandshake<T>(
  exchange: Exchange,
  { key, socketContext }: Handshake,
  { data, subprotocol, headers = [] }: HandshakeAnswer<T>,
  upgradeCork: UpgradeCork<T>,
): void {
  exchange.res.cork(() => {
    exchange.res.writeStatus("101 Switching Protocols");
    exchange.writeSharedHeaders();
    for (const [name, value] of headers) exchange.res.writeHeader(name, value);
  });
  exchange.finish(101);
  upgradeCork.run(exchange.res, () => exchange.res.upgrade(data, key, subprotocol, "", socketContext));
}
