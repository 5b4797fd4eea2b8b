/** Why the gateway closes a socket. Clients come back after 1001 and 4008, not after 4001 and 4004. */

export interface Close {
  readonly code: number;
  readonly reason: string;
}

/** The node shuts down or drains: come back. */
export const shuttingDown: Close = { code: 1001, reason: "shutting down" };
/** More frames or bytes wait than a socket may have: come back, and read faster. */
export const slowConsumer: Close = { code: 4008, reason: "slow consumer" };
/** The token that the socket was opened with is no longer valid. */
export const tokenRevoked: Close = { code: 4001, reason: "token revoked" };
/** The instance is gone. */
export const instanceDeleted: Close = { code: 4004, reason: "instance deleted" };
/** The client sent a message that is larger than it may send. */
export const messageTooBig: Close = { code: 1009, reason: "message too big" };

/** What the log and the metrics call a cut. The peer hears nothing; its library says 1006 of itself. */
export const withoutCloseFrame = 1006;
export const peerGone: Close = { code: withoutCloseFrame, reason: "no sign of life" };
/** It sends pings and does not read the pongs, which the gateway must keep. */
export const pongsUnread: Close = { code: withoutCloseFrame, reason: "pongs are not read" };
