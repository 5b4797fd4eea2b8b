/** The entry `eventwire/client/publish`: publishes events from Node.js, in batches over one gRPC stream. */

import { createGrpcTransport } from "@connectrpc/connect-node";
import type { EventTypeName } from "../frames.js";
import { BatchingPublisher } from "./batching-publisher.js";
import { PublishError } from "./publish-error.js";

export interface PublisherOptions {
  /** The service port of a gateway, such as `http://events.internal:9090`. */
  readonly url: string | URL;
  /** The token of an account: only an account may publish. */
  readonly token: string;
  /** Most events that wait for their answer or to be sent: 65,536 by default. With more, `publish` rejects. */
  readonly eventsMax?: number | undefined;
  /** How long an event waits for a gateway that cannot be reached, in milliseconds: 30,000 by default. */
  readonly unreachableMaxMs?: number | undefined;
}

export interface PublishOptions {
  /** The raw media of a `message.exchange`. */
  readonly media?: Uint8Array | undefined;
  /** When it happened, if that is not now. Consumers of `eventwire.v1` get this time beside the time of acceptance. */
  readonly occurredAt?: Date | undefined;
}

export interface Published {
  /** False when the bus between the nodes was away: consumers of other nodes may not have got the event. */
  readonly otherNodesReached: boolean;
}

export interface Publisher {
  /**
   * Publishes one event. The events of one turn travel together, and the order of the calls is kept. Resolves when the
   * gateway has handed the event to its consumers, and rejects with a PublishError.
   *
   * `data` is an object, or the UTF-8 text of one, whose bytes then reach the consumers as they are.
   */
  publish(
    instance: string,
    type: EventTypeName | (string & {}),
    data: object | Uint8Array,
    options?: PublishOptions,
  ): Promise<Published>;
  /** Takes no more events, waits for the answers to all others, and ends the connection. */
  close(): Promise<void>;
}

/** Connects with the first event, and again after a loss. The stream keeps the process running until `close`. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { url, token, eventsMax = 65_536, unreachableMaxMs = 30_000 } = options;
  const baseUrl = new URL(url).href.replace(/\/$/, "");
  const transport = createGrpcTransport({
    baseUrl,
    // A connection that was cut in between is noticed by its pings.
    pingIntervalMs: 15_000,
    // After the end of the stream. Until then the connection does not keep the process running.
    idleConnectionTimeoutMs: 5_000,
  });
  return new BatchingPublisher({ transport, token, eventsMax, unreachableMaxMs });
}

export { PublishError };
