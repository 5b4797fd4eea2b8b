/**
 * The closes of consumers' connections: code and reason of each close that the gateway decides on, the closes of the
 * contract by code and by the reason of a refusal, and the closes that the documents explain.
 */

import { closeCatalogue } from "../../gen/closes.js";
import type { Reason } from "./errors.js";

export interface Close {
  readonly code: number;
  readonly reason: string;
}

export const shuttingDown = closeOf("SHUTTING_DOWN");
export const messageTooBig = closeOf("MESSAGE_TOO_BIG");
export const protocolError = closeOf("PROTOCOL_ERROR");
export const tokenRevoked = closeOf("TOKEN_REVOKED");
export const instanceDeleted = closeOf("INSTANCE_DELETED");
export const slowConsumer = closeOf("SLOW_CONSUMER");
export const disconnectedByOperator = closeOf("DISCONNECTED_BY_OPERATOR");
/** What a plain client gets in place of `disconnectedByOperator`, because the plain protocol has no code of its own for it. */
export const plainDisconnectedByOperator: Close = { ...disconnectedByOperator, code: shuttingDown.code };
export const internalError = closeOf("INTERNAL_ERROR");

export type CloseRow = (typeof closeCatalogue)[keyof typeof closeCatalogue];

const rows = new Map<number, CloseRow>(Object.values(closeCatalogue).map((row) => [row.code, row]));

/** Returns the row of the close catalogue with this code. Undefined for a code that the gateway sends to no client. */
export function closeRow(code: number): CloseRow | undefined {
  return rows.get(code);
}

/** A close with the explanation that the documents give to clients. */
export interface ExplainedClose extends Close {
  /** Whether the client should connect again. */
  readonly comeBack: boolean;
  readonly meaning: string;
}

/** Every close frame that a client of the plain protocol can get. */
export const explainedCloses: readonly ExplainedClose[] = (
  ["SHUTTING_DOWN", "MESSAGE_TOO_BIG", "TOKEN_REVOKED", "INSTANCE_DELETED", "SLOW_CONSUMER"] as const
).map((name) => {
  const { code, reason, reconnect, meaning } = closeCatalogue[name];
  return { code, reason, comeBack: reconnect, meaning };
});

/**
 * Returns the close that ends a handshake of `eventwire.v1` which is refused for this reason. For a reason that no close
 * lists, that is 4500 `internal error`.
 */
export function closeOfRefusal(reason: Reason): Close & { readonly reconnect: boolean } {
  const closes = Object.values(closeCatalogue);
  return (
    closes.find(({ refusals }) => (refusals as readonly Reason[]).includes(reason)) ?? closeCatalogue.INTERNAL_ERROR
  );
}

/**
 * The close code in our log and metrics for a connection that was cut without a close frame. The client's own library
 * also reports 1006.
 */
export const withoutCloseFrame = 1006;
export const peerGone: Close = { code: withoutCloseFrame, reason: "no sign of life" };
/**
 * The client sends pings and does not read the pongs. The gateway would have to keep ever more pongs for the client.
 */
export const pongsUnread: Close = { code: withoutCloseFrame, reason: "pongs are not read" };

function closeOf(name: keyof typeof closeCatalogue): Close {
  const { code, reason } = closeCatalogue[name];
  return { code, reason };
}
