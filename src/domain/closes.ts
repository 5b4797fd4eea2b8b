/** Why the gateway closes a connection, and what the client should do then. */

import { closeCatalogue } from "../../gen/closes.js";

export interface Close {
  readonly code: number;
  readonly reason: string;
}

export const shuttingDown = closeOf("SHUTTING_DOWN");
export const messageTooBig = closeOf("MESSAGE_TOO_BIG");
export const tokenRevoked = closeOf("TOKEN_REVOKED");
export const instanceDeleted = closeOf("INSTANCE_DELETED");
export const slowConsumer = closeOf("SLOW_CONSUMER");

/** A close as the documents explain it to clients. */
export interface ExplainedClose extends Close {
  /** Whether the client should connect again. */
  readonly comeBack: boolean;
  readonly meaning: string;
}

/** Every close that a client of the plain protocol can be told. */
export const explainedCloses: readonly ExplainedClose[] = (
  ["SHUTTING_DOWN", "MESSAGE_TOO_BIG", "TOKEN_REVOKED", "INSTANCE_DELETED", "SLOW_CONSUMER"] as const
).map((name) => {
  const { code, reason, reconnect, meaning } = closeCatalogue[name];
  return { code, reason, comeBack: reconnect, meaning };
});

/** The code by which the log and the metrics name a cut. The peer gets no close frame; its own library reports 1006. */
export const withoutCloseFrame = 1006;
export const peerGone: Close = { code: withoutCloseFrame, reason: "no sign of life" };
/** The peer sends pings and does not read the pongs, which the gateway must keep. */
export const pongsUnread: Close = { code: withoutCloseFrame, reason: "pongs are not read" };

function closeOf(name: keyof typeof closeCatalogue): Close {
  const { code, reason } = closeCatalogue[name];
  return { code, reason };
}
