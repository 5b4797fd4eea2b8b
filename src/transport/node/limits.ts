/** The limits for clients of the service port: times for all clients, and bounds for clients without a valid token. */

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
  /** Longest time for a whole request without a valid token, in milliseconds. */
  readonly anonymousRequestMs: number;
  /**
   * Longest silence of a client without a valid token, in milliseconds: no byte on a stream of requests, or no request
   * on an HTTP/2 connection.
   */
  readonly anonymousIdleMs: number;
  /** Longest time for which a client may take nothing of its answer, in milliseconds. */
  readonly answerMs: number;
  /** Time between two HTTP/2 pings, in milliseconds. */
  readonly pingIntervalMs: number;
  /** Time between two checks that a watch of `grpc.health.v1.Health` makes, in milliseconds. */
  readonly healthWatchIntervalMs: number;
  /**
   * Most connections without a valid token, from all addresses together. When there are more, the oldest one is closed.
   */
  readonly anonymousConnections: number;
  /** Most connections without a valid token from one address. When there are more, the oldest one is closed. */
  readonly anonymousConnectionsPerAddress: number;
  /**
   * Most open calls without a valid token, on all connections together. When so many are open, each connection may
   * still have one.
   */
  readonly anonymousCalls: number;
  /** How many calls without a valid token the client of a connection may reset at once, before they are answered. */
  readonly resets: number;
  /**
   * How many calls without a valid token the client of a connection may reset per second, after it has used up
   * `resets`.
   */
  readonly resetsPerSecond: number;
  /**
   * How long new connections of an address are handled slowly, in milliseconds, after a client at that address has
   * reset too many calls.
   */
  readonly slowMs: number;
  /** Time between two new connections of an address that is handled slowly, in milliseconds. */
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

/** Largest head of a request, in bytes. Over HTTP/2 the limit holds for the decompressed list of headers. */
export const headerBytesMax = 16 * 1024;

/** Most calls that one connection may have open at once. */
export const callsMax = 128;
