/** The connection to NATS as the parts of the bus see it. `open-nats-link.ts` opens one. */

/**
 * Called for each message. `nobody` is true when the message is NATS's notice that nobody listens to the subject of a
 * question: see `reply` in `publish`. Each reading of `subject` decodes it.
 */
export type OnMessage = (message: { readonly subject: string; readonly data: Uint8Array }, nobody: boolean) => void;

/** A message that tells other nodes of a subscription. */
export interface Announcement {
  readonly subject: string;
  readonly data: Uint8Array;
}

export interface NatsLink {
  /**
   * Whether events can be sent and received. False until the first connection works, and from the first sign of a lost
   * connection until the server has taken all subscriptions again.
   */
  readonly connected: boolean;
  /** When `connected` last became true, in milliseconds since 1970. */
  readonly connectedAt: number;
  /**
   * Largest message that the server takes, in bytes. Undefined until a server has named its limit. The last limit stays
   * while the connection is lost.
   */
  readonly payloadMax: number | undefined;
  /**
   * Sends a message. Returns false and sends nothing when the connection is lost, or when the message is too large for
   * the server. When nobody listens to `subject`, the server says so in a message on the subject `reply`.
   */
  publish(subject: string, data: Uint8Array, reply?: string): boolean;
  /**
   * Subscribes to a subject. When the next `confirm` resolves to true, the server has taken the subscription. After a
   * lost connection the link subscribes again by itself. The link publishes `announcement` each time after it has
   * subscribed. A subject can have one subscription at a time. Returns a function that ends the subscription.
   */
  subscribe(subject: string, onMessage: OnMessage, announcement?: Announcement): () => void;
  /**
   * Resolves to true once the server has processed everything that was sent before this call, and to false when the
   * connection is lost. Never rejects.
   */
  confirm(): Promise<boolean>;
  /**
   * Closes the connection for good. Messages that were published before are still sent, for which the link waits two
   * seconds at most.
   */
  close(): Promise<void>;
}
