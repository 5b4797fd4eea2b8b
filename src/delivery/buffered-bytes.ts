/**
 * Counts the bytes that the connections of one fan-out hold for consumers that do not read. Delivery counts them, and a
 * fan-out may read the counts.
 */

export class BufferedBytes {
  /** Bytes that blocked connections hold, each as of its last write. 0 when none is blocked. */
  bytes = 0;
  /** The part of these bytes that belongs to consumers that are being closed. It stays until the connection is gone. */
  leaving = 0;
  /** How many connections are open. */
  connections = 0;
}
