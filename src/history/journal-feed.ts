/**
 * Reads the stream of the journal by one push consumer of JetStream, which sends every entry in order and says every half a second
 * that it is there. The server waits for the reader ("flow control"), so a slow node is not cut off.
 */

import { AckPolicy, type ConsumerInfo, DeliverPolicy, type JetStreamManager, JsHeaders } from "@nats-io/jetstream";
import { createInbox, type Msg, type NatsConnection, nanos } from "@nats-io/transport-node";

export interface FeedOptions {
  readonly nats: NatsConnection;
  readonly manager: JetStreamManager;
  readonly stream: string;
  readonly inbox: string;
  /** Called with each message, in order. */
  readonly onMessage: (sequence: number, message: Msg) => void;
  /** Called when messages may have been lost, or when the consumer is gone. */
  readonly onLost: (reason: string) => void;
}

export interface Feed {
  stop(): void;
}

const heartbeatMs = 500;
/** How long the consumer may be silent, in milliseconds. */
const silentMsMax = 2_000;
const checkMs = 250;
const control = 100;

/** Starts the consumer at the first entry that the stream holds. Rejects when JetStream refuses it. */
export async function openFeed(options: FeedOptions): Promise<Feed> {
  const { nats, manager, stream, onMessage, onLost } = options;
  const deliver = createInbox(options.inbox);
  /** How often the silence was checked since the last message. A count and not a time, because a process that was stopped has read nothing. */
  let silentChecks = 0;
  let delivered = 0;
  const subscription = nats.subscribe(deliver, {
    callback: (error, message) => {
      if (error !== null) return onLost(error.message);
      silentChecks = 0;
      const { headers } = message;
      if (headers?.code === control) return answerControl(nats, message);
      if (headers !== undefined && headers.code >= 400) return onLost(headers.description);
      const place = placeOf(message.reply);
      if (place === undefined || place.delivery !== ++delivered) return onLost("an entry of the history was lost");
      onMessage(place.sequence, message);
    },
  });
  const checking = setInterval(() => {
    if (++silentChecks > silentMsMax / checkMs) onLost("JetStream has stopped sending the history");
  }, checkMs);

  function stop(): void {
    clearInterval(checking);
    subscription.unsubscribe();
  }

  const consumer = await addConsumer(manager, stream, deliver).catch((error: unknown) => {
    stop();
    throw error;
  });
  return {
    stop() {
      stop();
      if (!nats.isClosed()) manager.consumers.delete(stream, consumer.name).catch(() => {});
    },
  };
}

function addConsumer(manager: JetStreamManager, stream: string, deliver: string): Promise<ConsumerInfo> {
  return manager.consumers.add(stream, {
    deliver_subject: deliver,
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.None,
    flow_control: true,
    idle_heartbeat: nanos(heartbeatMs),
    inactive_threshold: nanos(10 * silentMsMax),
    mem_storage: true,
    num_replicas: 1,
  });
}

/** Answers a message of the flow control. The others only say that the consumer is there. */
function answerControl(nats: NatsConnection, message: Msg): void {
  const stalled = message.headers?.get(JsHeaders.ConsumerStalledHdr) ?? "";
  if (stalled !== "") nats.publish(stalled);
  else if (message.reply !== undefined && message.reply !== "") message.respond();
}

interface Place {
  /** The sequence number in the stream. */
  readonly sequence: number;
  /** The number of the message among those that this consumer sent, from 1. */
  readonly delivery: number;
}

/**
 * Reads the reply subject of a message: `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<delivery>.<time>.<pending>`. Newer
 * servers put two words before the stream. The library would make an object of all of it, which takes longer.
 */
function placeOf(reply = ""): Place | undefined {
  const words = reply.split(".");
  const at = words.length === oldWords ? oldSequenceAt : newSequenceAt;
  const place = { sequence: Number(words[at]), delivery: Number(words[at + 1]) };
  return place.sequence > 0 ? place : undefined;
}

const oldWords = 9;
const oldSequenceAt = 5;
const newSequenceAt = 7;
