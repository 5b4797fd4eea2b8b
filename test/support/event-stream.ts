/** A producer on one gRPC stream: batches in, acknowledgements out. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { EventService, type PublishEventsRequestSchema } from "../../gen/eventwire/v1/event_service_pb.js";

type Batch = MessageInitShape<typeof PublishEventsRequestSchema>;

export interface Receipt {
  readonly id: string;
  readonly sockets: number | undefined;
  readonly position?: string | undefined;
  readonly webhooks?: number | undefined;
}

/** An acknowledgement as plain values. */
export interface Acknowledgement {
  readonly sequence: number;
  readonly published: number;
  /** Present only when it is false. */
  readonly otherNodesReached?: boolean | undefined;
  readonly refusals: readonly { readonly index: number; readonly reason: string; readonly message: string }[];
  /** Present only when there are any. */
  readonly receipts?: readonly Receipt[];
}

export interface EventStream {
  /** Does not wait for the acknowledgement. */
  send(batch: Batch): void;
  /** Rejects with the error that ended the stream. Undefined when it ended without one. */
  acknowledgement(): Promise<Acknowledgement | undefined>;
  end(): void;
}

/** Every protocol and form in which a stream of batches is spoken, by its name in the tests. */
export const streamTransports = {
  gRPC: (baseUrl: string) => createGrpcTransport({ baseUrl }),
  "gRPC, compressed": (baseUrl: string) =>
    createGrpcTransport({ baseUrl, sendCompression: compressionGzip, compressMinBytes: 0 }),
  "gRPC with JSON": (baseUrl: string) => createGrpcTransport({ baseUrl, useBinaryFormat: false }),
  "gRPC with a deadline": (baseUrl: string) => createGrpcTransport({ baseUrl, defaultTimeoutMs: 60_000 }),
  "gRPC-Web": (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
  Connect: (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "Connect with JSON": (baseUrl: string) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
};

export function openEventStream(
  grpcUrl: string,
  token: string,
  transport: Transport = createGrpcTransport({ baseUrl: grpcUrl }),
): EventStream {
  const waiting: (Batch | undefined)[] = [];
  let wake: (() => void) | undefined;
  const push = (batch: Batch | undefined): void => {
    waiting.push(batch);
    wake?.();
  };
  async function* batches(): AsyncGenerator<Batch> {
    for (;;) {
      while (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const batch = waiting.shift();
      if (batch === undefined) return;
      yield batch;
    }
  }
  const answers = createClient(EventService, transport)
    .publishEvents(batches(), { headers: { token } })
    [Symbol.asyncIterator]();

  return {
    send: push,
    end: () => push(undefined),
    async acknowledgement() {
      const { value, done } = await answers.next();
      if (done) return undefined;
      const refusals = value.refusals.map(({ index, reason, message }) => ({ index, reason, message }));
      const receipts = value.receipts.map(({ id, sockets, position, webhooks }) => ({
        id,
        sockets,
        position,
        webhooks,
      }));
      const { published, otherNodesReached } = value;
      const answer = { sequence: Number(value.sequence), published, refusals, otherNodesReached };
      return receipts.length === 0 ? answer : { ...answer, receipts };
    },
  };
}

/** One event with its data as JSON text. */
export function eventOf(instance: string, event: string, data: string): NonNullable<Batch["events"]>[number] {
  return { instance, event, payload: { case: "dataJson", value: Buffer.from(data) } };
}
