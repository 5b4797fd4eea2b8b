/** Why the gateway closes a socket, and what the client should do then. */

export interface Close {
  readonly code: number;
  readonly reason: string;
}

export const shuttingDown: Close = { code: 1001, reason: "shutting down" };
export const messageTooBig: Close = { code: 1009, reason: "message too big" };
export const tokenRevoked: Close = { code: 4001, reason: "token revoked" };
export const instanceDeleted: Close = { code: 4004, reason: "instance deleted" };
export const slowConsumer: Close = { code: 4008, reason: "slow consumer" };

/** A close as the documents explain it to clients. */
export interface ExplainedClose extends Close {
  /** Whether the client should connect again. */
  readonly comeBack: boolean;
  readonly meaning: string;
}

/** Every close that a client can be told. */
export const explainedCloses: readonly ExplainedClose[] = [
  {
    ...shuttingDown,
    comeBack: true,
    meaning: "The node shuts down or drains. Connect to another one, or to this one later.",
  },
  { ...messageTooBig, comeBack: false, meaning: "The client sent a message above 4 KiB. It need not send any." },
  { ...tokenRevoked, comeBack: false, meaning: "The token that the socket was opened with is no longer valid." },
  { ...instanceDeleted, comeBack: false, meaning: "The instance is gone." },
  {
    ...slowConsumer,
    comeBack: true,
    meaning: "More frames or bytes wait for the socket than may wait. Connect again, and read faster.",
  },
];

/** The code by which the log and the metrics name a cut. The peer gets no close frame; its own library reports 1006. */
export const withoutCloseFrame = 1006;
export const peerGone: Close = { code: withoutCloseFrame, reason: "no sign of life" };
/** It sends pings and does not read the pongs, which the gateway must keep. */
export const pongsUnread: Close = { code: withoutCloseFrame, reason: "pongs are not read" };
