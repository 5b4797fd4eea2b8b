/** What the clients of the service port may do: times, and bounds for clients without a valid token. */

export interface ServiceLimits {
  /**
   * Longest time for the TLS handshake, for the first bytes, and for the headers of an HTTP/1.1 request, in
   * milliseconds.
   */
  readonly headersMs: number;
  /**
   * Longest time for a whole request with a valid token, in milliseconds. A stream of requests may stay open for ever.
   */
  readonly requestMs: number;
  /** The same for a request without a valid token. */
  readonly anonymousRequestMs: number;
  /**
   * Without a valid token: longest time without a byte on a stream of requests, or without a request on an HTTP/2
   * connection, in milliseconds.
   */
  readonly anonymousIdleMs: number;
  /** Longest time for which a client may take nothing of its answer, in milliseconds. */
  readonly answerMs: number;
  /** Time between two HTTP/2 pings, in milliseconds. */
  readonly pingIntervalMs: number;
  /** Time between two looks of a watch of `grpc.health.v1.Health`, in milliseconds. */
  readonly healthWatchIntervalMs: number;
  /** Most connections without a valid token, in all and per address. Above it the oldest one is closed. */
  readonly anonymousConnections: number;
  readonly anonymousConnectionsPerAddress: number;
  /** Most open calls without a valid token, in all. Above it each connection may have one. */
  readonly anonymousCalls: number;
  /**
   * Calls without a valid token that a connection may reset unanswered: so many at once, and so many per second from
   * then on.
   */
  readonly resets: number;
  readonly resetsPerSecond: number;
  /**
   * How long an address gets its new connections handled slowly after one of its connections had more resets, in
   * milliseconds.
   */
  readonly slowMs: number;
  /** Time between two new connections of such an address, in milliseconds. */
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

/** Largest head of a request, and largest list of headers that HTTP/2 makes of it. */
export const headerBytesMax = 16 * 1024;

/** Most calls that a connection may have open at once. */
export const callsMax = 128;
