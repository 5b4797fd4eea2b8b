/** The entry `eventwire/client/publish`: publishes events from Node.js, in batches over one gRPC stream. */

import { createGrpcTransport } from "@connectrpc/connect-node";
import type { EventTypeName } from "../frames.js";
import { BatchingPublisher } from "./batching-publisher.js";
import { PublishError } from "./publish-error.js";

export interface PublisherOptions {
  /** The service port of a gateway, such as `http://events.internal:9090`. */
  readonly url: string | URL;
  /** The token of an account. The token of an instance may not publish. */
  readonly token: string;
  /** Whether the answers have `id`, `sockets`, `position` and `webhooks`: true by default. Without them an event costs the gateway a tenth less. */
  readonly receipts?: boolean | undefined;
  /** Most events that may be without an answer at once: 65,536 by default. With more, `publish` rejects. */
  readonly eventsMax?: number | undefined;
  /** How long an event waits for a gateway that cannot be reached, in milliseconds: 30,000 by default. */
  readonly unreachableMaxMs?: number | undefined;
}

export interface PublishOptions {
  /** The raw media of a `message.exchange`. */
  readonly media?: Uint8Array | undefined;
  /** When the event happened. Consumers of `eventwire.v1` get this time beside the time of acceptance. */
  readonly occurredAt?: Date | undefined;
  /**
   * A text of 1 to 255 visible ASCII characters that no other event of the instance has within 24 hours. The publisher
   * sends an event with a key again when the connection is lost before the answer, for `unreachableMaxMs` at most, and
   * the gateway delivers the event once.
   */
  readonly idempotencyKey?: string | undefined;
}

/** What the gateway answers to one event. */
export interface Published {
  /** The id of the event, which its frames have too. Undefined when `receipts` is false. */
  readonly id?: string | undefined;
  /** How many open sockets of the gateway's node take the event. Undefined when `receipts` is false. */
  readonly sockets?: number | undefined;
  /** The position of the event, as its consumers get it. Undefined when the event is in no history. */
  readonly position?: string | undefined;
  /** For how many webhooks the event was stored. Undefined when `receipts` is false, and when not all were stored. */
  readonly webhooks?: number | undefined;
  /** False when the bus between the nodes was away: consumers of other nodes may not have got the event. */
  readonly otherNodesReached: boolean;
  /**
   * False when webhooks of the instance do not get the event, because the database was away and WEBHOOK_OUTAGE of the
   * gateway is `accept`. Undefined otherwise. The events of a batch share the answer, so other events of the batch may be
   * meant.
   */
  readonly webhooksStored?: false | undefined;
}

export interface Publisher {
  /**
   * Publishes one event. The events of one turn of the event loop are sent together, in the order of the calls.
   * Resolves when the gateway has handed the event to its consumers. Rejects with PublishError.
   *
   * `data` is an object, or the JSON text of an object in UTF-8. The bytes of a text reach the consumers unchanged.
   */
  publish(
    instance: string,
    type: EventTypeName | (string & {}),
    data: object | Uint8Array,
    options?: PublishOptions,
  ): Promise<Published>;
  /** Ends the publisher: refuses further events, and resolves when all earlier events have their answers. */
  close(): Promise<void>;
}

/**
 * Creates a publisher. The first event opens the connection. When the connection is lost, the next event opens another
 * one. The process runs on until `close` is called.
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const { url, token, receipts = true, eventsMax = 65_536, unreachableMaxMs = 30_000 } = options;
  const baseUrl = new URL(url).href.replace(/\/$/, "");
  const transport = createGrpcTransport({
    baseUrl,
    // Pings notice a connection that the network has lost without a sign.
    pingIntervalMs: 15_000,
    // The time from the end of the stream to the end of the connection, which does not keep the process running.
    idleConnectionTimeoutMs: 5_000,
  });
  return new BatchingPublisher({ transport, token, receipts, eventsMax, unreachableMaxMs });
}

export { PublishError };
