/** What the connections of one fan-out hold for consumers that do not read. Delivery counts it, a fan-out may read it. */

export class BufferedBytes {
  /** Bytes that blocked connections hold, each as of its last write. 0 when none is blocked. */
  bytes = 0;
  /** Of these, the bytes of consumers that are to be closed: they go with the connection, and no sooner. */
  leaving = 0;
  /** How many connections are open. */
  connections = 0;
}
