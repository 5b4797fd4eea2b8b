/** One gRPC stream of PublishEvents: sends batches, and reports the answers and the end of the stream. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  EventService,
  type PublishEventsRequestSchema,
  type PublishEventsResponse,
} from "../../../gen/eventwire/v1/event_service_pb.js";

export type Batch = MessageInitShape<typeof PublishEventsRequestSchema>;

export interface PublishStream {
  send(batch: Batch): void;
  /** Ends the sending side. The answers to the batches that were sent still arrive. */
  end(): void;
}

export interface PublishStreamListener {
  answered(answer: PublishEventsResponse): void;
  /** Called once, after all answers. `error` is undefined when the gateway ended the stream without an error. */
  ended(error: unknown): void;
}

export function openPublishStream(transport: Transport, token: string, listener: PublishStreamListener): PublishStream {
  const client: Client<typeof EventService> = createClient(EventService, transport);
  const waiting: Batch[] = [];
  let over = false;
  let wake = (): void => {};

  async function* batches(): AsyncGenerator<Batch> {
    for (;;) {
      const batch = waiting.shift();
      if (batch !== undefined) yield batch;
      else if (over) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }

  async function listen(): Promise<void> {
    for await (const answer of client.publishEvents(batches(), { headers: { token } })) listener.answered(answer);
  }

  function end(): void {
    over = true;
    wake();
  }

  listen().then(
    () => {
      end();
      listener.ended(undefined);
    },
    (error: unknown) => {
      end();
      listener.ended(error);
    },
  );
  return {
    send(batch) {
      waiting.push(batch);
      wake();
    },
    end,
  };
}
