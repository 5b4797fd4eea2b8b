/** Finds out which protocol a handshake asks for, and how a client of `eventwire.v1` wants to read a refusal. */

import { queryValue } from "./query.js";
import type { RequestHead } from "./request.js";

/** The name of the consumer protocol: a sub-protocol as RFC 6455 defines the word. */
export const consumerProtocol = "eventwire.v1";

export interface Negotiated {
  /** The sub-protocol to select in the answer. Empty for a client that asks in the query and offers no sub-protocol. */
  readonly subprotocol: string;
  /** Whether a refusal is told in a `refused` frame, after an accepted handshake. */
  readonly readable: boolean;
}

/**
 * Returns undefined when the client asks for the plain protocol. The refusal of a client with its token in a header is
 * plain HTTP: such a client is no browser, so it sees the status of a refused handshake.
 */
export function negotiate(head: RequestHead): Negotiated | undefined {
  const { query } = head;
  const offered = head.offersSubprotocol(consumerProtocol);
  if (!offered && queryValue(query, "protocol") === undefined) return undefined;
  return {
    subprotocol: offered ? consumerProtocol : "",
    readable: head.token() === undefined && queryValue(query, "refusal") !== "http",
  };
}
