/**
 * Counts the bytes that the connections of one fan-out hold for consumers that do not read. Delivery keeps the counts,
 * and the fan-out may read them.
 */

export class BufferedBytes {
  /**
   * How many bytes the blocked connections hold. A connection counts with the bytes that it held after its last write.
   */
  bytes = 0;
  /**
   * How many of these bytes belong to consumers that are being closed. The bytes of a consumer count until its
   * connection is gone.
   */
  leaving = 0;
  /** How many connections of the fan-out are open. */
  connections = 0;
}
