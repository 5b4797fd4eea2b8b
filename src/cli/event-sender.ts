/** How the command `publish` sends its events: over one gRPC stream, or one by one over REST. */

import { publishOverRest } from "../client/node/publish-over-rest.js";
import { createPublisher, type Published } from "../client/node/publisher.js";
import { speaksHttp2 } from "../client/node/speaks-http2.js";

/** Where events go. */
export interface Destination {
  readonly url: string;
  readonly token: string;
  readonly instance: string;
  readonly type: string;
}

export interface EventSender {
  /** How many events may wait for their answers at once. They are published in the order of the calls of `send`. */
  readonly openMax: number;
  /**
   * Sends one event, whose data is JSON text, with an idempotency key if one is given. Resolves with what the gateway
   * answered, or rejects with PublishError.
   */
  send(dataJson: string, idempotencyKey: string | undefined): Promise<Published>;
  close(): Promise<void>;
}

/**
 * Opens the sender that fits the URL. A URL that answers over HTTP/2 is the service port, to which events go over one
 * gRPC stream. Any other URL is the public port, to which they go over REST, one after the other. Rejects with one
 * sentence when nothing answers.
 */
export async function openEventSender(destination: Destination): Promise<EventSender> {
  const { url, token, instance, type } = destination;
  const streams = await speaksHttp2(url).catch((cause: Error) => {
    throw new Error(`${url} cannot be reached: ${cause.message}.`, { cause });
  });
  if (!streams) {
    return {
      openMax: 1,
      send: (dataJson, idempotencyKey) => publishOverRest({ url, token, instance, type, dataJson, idempotencyKey }),
      close: async () => {},
    };
  }
  const publisher = createPublisher({ url, token, unreachableMaxMs: 0 });
  return {
    openMax: 4_096,
    send: (dataJson, idempotencyKey) => publisher.publish(instance, type, Buffer.from(dataJson), { idempotencyKey }),
    close: () => publisher.close(),
  };
}
