/** What the clients of the service port may do: times, and bounds for those who have not shown a valid token. */

export interface ServiceLimits {
  /** For the TLS handshake, for the first bytes, and for the headers of an HTTP/1.1 request, in milliseconds. */
  readonly headersMs: number;
  /** For a whole request with a valid token, except a stream of requests: that may stay open for ever. In milliseconds. */
  readonly requestMs: number;
  /** The same for a request without one. */
  readonly anonymousRequestMs: number;
  /** Without a byte on a stream of requests, or without a request on an HTTP/2 connection, where no token is. In milliseconds. */
  readonly anonymousIdleMs: number;
  /** For a client that takes nothing of an answer, in milliseconds. */
  readonly answerMs: number;
  /** Between two HTTP/2 pings, in milliseconds. */
  readonly pingIntervalMs: number;
  /** Between two looks of a watch of `grpc.health.v1.Health`, in milliseconds. */
  readonly healthWatchIntervalMs: number;
  /** Connections that have not shown a valid token, in all and per address. Above it the oldest one is closed. */
  readonly anonymousConnections: number;
  readonly anonymousConnectionsPerAddress: number;
  /** Open calls without a valid token, in all. Above it a connection may have one. */
  readonly anonymousCalls: number;
  /** Calls without a valid token that a connection may reset unanswered at once, and per second from then on. */
  readonly resets: number;
  readonly resetsPerSecond: number;
  /** For so long after its last connection with more resets an address gets its new connections handled slowly. In milliseconds. */
  readonly slowMs: number;
  /** Between two new connections of such an address, in milliseconds. */
  readonly slowConnectionMs: number;
}

export const defaultLimits: ServiceLimits = {
  headersMs: 10_000,
  requestMs: 120_000,
  anonymousRequestMs: 10_000,
  anonymousIdleMs: 60_000,
  answerMs: 30_000,
  pingIntervalMs: 30_000,
  healthWatchIntervalMs: 2_000,
  anonymousConnections: 1_024,
  anonymousConnectionsPerAddress: 256,
  anonymousCalls: 1_024,
  resets: 100,
  resetsPerSecond: 10,
  slowMs: 10_000,
  slowConnectionMs: 100,
};

/** Of a request, and of the list of headers that HTTP/2 makes of it. */
export const headerBytesMax = 16 * 1024;

/** Calls that a connection may have open at once. */
export const callsMax = 128;
