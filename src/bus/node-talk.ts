/** The port by which nodes on one bus talk to each other about other things than single events. */

import type { Event } from "./bus.js";

export interface NodeTalk {
  /**
   * Names the connection to the bus. Undefined while the bus is away. A node may have missed messages when this is another number
   * than before.
   */
  readonly connection: number | undefined;
  /**
   * Sends a message to all other nodes that hear this name. Resolves when the bus has taken the message, or is away. Every event that
   * another node sends after it has heard the message, and every event before it that the bus has not confirmed to that node, counts
   * as sent after the message. Never rejects.
   */
  tell(name: string, data: Uint8Array): Promise<void>;
  /** Hears the messages of other nodes. A name can have one listener on a node. */
  hear(name: string, listener: (data: Uint8Array) => void): void;
  /**
   * Lets other nodes find out that this node stands for a name. Whenever the bus is new to it, it also sends an empty message to
   * `announcedAs`. Returns a function that ends it.
   */
  standFor(name: string, announcedAs: string): () => void;
  /**
   * Resolves to whether another node stands for the name. Also true when a node of an older release is on the bus, which knows no
   * names. Undefined when the bus is away. Two questions must not run at the same time. Never rejects.
   */
  somebodyStandsFor(name: string): Promise<boolean | undefined>;
  /**
   * Returns the events of this node that the bus has not confirmed, and those that are not sent yet, each instance's in the order of
   * their acceptance.
   */
  unconfirmed(): Event[];
  /** Writes an event as nodes send it to each other. */
  encode(event: Event): Uint8Array;
  /** Reads an event of an instance. Undefined when the bytes are no event, or one whose type this release does not know. */
  decode(instance: Pick<Event, "accountId" | "instanceId">, bytes: Uint8Array): Event | undefined;
}
