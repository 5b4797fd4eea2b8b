/** Publishers at one node, which write down every event with its answer: over REST and over the gRPC stream. */

import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { catalogue } from "../../gen/errors.js";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import type { Random } from "../support/random.js";
import type { Answer, Publication } from "./books.js";
import { type Channel, takes } from "./channels.js";
import type { Cluster, Node, NodeProcess } from "./cluster.js";

export interface PublisherOptions {
  readonly cluster: Cluster;
  readonly node: Node;
  readonly channels: readonly Channel[];
  readonly published: readonly Map<number, Publication[]>[];
  readonly random: Random;
  /** Between two calls, in milliseconds. */
  readonly pauseMs: number;
  readonly over: () => boolean;
}

interface Draft {
  readonly publication: Publication;
  readonly instance: string;
  readonly type: EventType;
  readonly data: string;
}

let lastPublisher = 0;
let lastConnection = 0;

/** One call after the other. Resolves with the answer to the last one. */
export async function publishOverRest(options: PublisherOptions): Promise<void> {
  const post = openConnection(options.cluster);
  const draft = createDrafts(options, post);
  while (!options.over()) {
    const { running } = options.node;
    if (running !== undefined) await post.send(running, draft(running));
    await delay(options.pauseMs);
  }
}

/**
 * One event of each type to each channel, again until the answer says that every node has it: what was published before
 * it has come by then.
 */
export async function publishMarkers(options: PublisherOptions & { process: NodeProcess }): Promise<Publication[]> {
  const { cluster, process, channels } = options;
  const post = openConnection(cluster);
  const draft = createDrafts(options, post);
  const markers: Publication[] = [];
  for (const channel of channels) {
    for (const type of channel.events.length === 0 ? eventTypes : channel.events) {
      let made: Draft;
      do {
        made = draft(process, channel, type);
        await post.send(process, made);
      } while (made.publication.answer !== "ok" && !options.over());
      markers.push(made.publication);
    }
  }
  return markers;
}

/** Longer than any fault: who waits so long waits for ever. */
const callMsMax = 20_000;

/** Where events of a publisher go. */
interface Connection {
  /** Changes with every new connection. */
  readonly number: number;
}

/** One that is kept, as producers do: of several workers it leads to one, and what it brings keeps its order. */
function openConnection({ token }: Cluster) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = { token, "content-type": "application/json" };
  let connection = ++lastConnection;

  function post(url: string, text: string): Promise<{ status: number; text: string }> {
    return new Promise((done, fail) => {
      const signal = AbortSignal.timeout(callMsMax);
      const sent = request(url, { method: "POST", headers, agent, signal }, (answer) => {
        let received = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          received += chunk;
        });
        answer.on("end", () => done({ status: answer.statusCode ?? 0, text: received }));
        answer.on("error", fail);
      });
      sent.on("error", fail);
      sent.end(text);
    });
  }

  return {
    get number() {
      return connection;
    },
    async send(process: NodeProcess, { publication, instance, type, data }: Draft): Promise<void> {
      try {
        const url = `${process.url}/api/events/publish/${instance}`;
        const { status, text } = await post(url, `{"event":"${type}","data":${data}}`);
        const answer = JSON.parse(text) as { otherNodesReached?: boolean; id?: string; error?: { message: string } };
        note(publication, status === 200 ? told(answer.otherNodesReached) : refused(answer.error?.message), answer.id);
      } catch {
        // Its connection broke: the answer stays "none".
        connection = ++lastConnection;
      }
    },
  };
}

/** Batches, without waiting for their answers; a new stream to each new process, and after a stream that ended. */
export async function publishOverStream(options: PublisherOptions): Promise<void> {
  const { node, random, pauseMs, over } = options;

  async function stream(process: NodeProcess): Promise<void> {
    const draft = createDrafts({ ...options, publisher }, { number: ++lastConnection });
    const waiting: Draft[][] = [];
    let ended = false;

    async function* batches() {
      while (!over() && !ended && node.running === process) {
        const batch = Array.from({ length: 1 + random.below(6) }, () => draft(process));
        waiting.push(batch);
        yield { events: batch.map(toRequest), receipt: true };
        await delay(pauseMs);
      }
    }

    const client = createClient(EventService, createGrpcTransport({ baseUrl: process.grpcUrl }));
    try {
      const headers = { token: options.cluster.token };
      for await (const { refusals, receipts, otherNodesReached } of client.publishEvents(batches(), { headers })) {
        const reasons = new Map(refusals.map(({ index, message }) => [index, message]));
        for (const [index, { publication }] of (waiting.shift() ?? []).entries()) {
          const reason = reasons.get(index);
          // An event that a batch refuses was published nowhere.
          note(publication, reason === undefined ? told(otherNodesReached) : "error", receipts[index]?.id);
        }
      }
    } catch (error) {
      // Without that reason the process has gone: what waits was never answered.
      if (error instanceof ConnectError && error.code === Code.Internal && refused(error.rawMessage) === "unstored")
        for (const { publication } of waiting.flat()) note(publication, "unstored");
    }
    ended = true;
  }

  const publisher = ++lastPublisher;
  while (!over()) {
    if (node.running !== undefined) await stream(node.running);
    await delay(pauseMs);
  }
}

function toRequest({ instance, type, data }: Draft) {
  return { instance, event: type, payload: { case: "dataJson" as const, value: Buffer.from(data) } };
}

function refused(message: string | undefined): Answer {
  return message === catalogue.STORE_EVENT_FAILED.message ? "unstored" : "error";
}

function told(otherNodesReached: boolean | undefined): Answer {
  return otherNodesReached === false ? "unreached" : "ok";
}

function note(publication: Publication, answer: Answer, id = ""): void {
  publication.answer = answer;
  publication.answeredAt = Date.now();
  if (id === "") return;
  publication.id = id;
  publication.acceptedAt = timeOf(id);
}

/** A UUIDv7 begins with the milliseconds since 1970. */
function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The media of a `message.exchange`, as base64. */
export function mediaOf({ i, p, n }: { readonly i: number; readonly p: number; readonly n: number }): string {
  return Buffer.from(`media of ${i} ${p} ${n}`).toString("base64");
}

/** Events with the next number of their channel, written into the books. */
function createDrafts(
  { channels, published, random, publisher = ++lastPublisher }: PublisherOptions & { publisher?: number },
  connection: Connection,
) {
  return (
    process: NodeProcess,
    channel: Channel = random.pick(channels),
    type: EventType = random.pick(eventTypes),
  ): Draft => {
    const publishers = published[channel.index] as Map<number, Publication[]>;
    const mine = publishers.get(publisher) ?? [];
    publishers.set(publisher, mine);
    const publication: Publication = {
      publisher,
      n: mine.length + 1,
      instance: channel.index,
      type,
      wanted: takes(channel, type),
      process: process.number,
      connection: connection.number,
      startedAt: Date.now(),
      answeredAt: Number.POSITIVE_INFINITY,
      answer: "none",
    };
    mine.push(publication);
    const padding = "x".repeat(random.below(channel.paddingBytesMax));
    const numbers = { i: channel.index, p: publisher, n: publication.n };
    const media = type === "message.exchange" ? { media: { base64: mediaOf(numbers) } } : {};
    const data = JSON.stringify({ ...numbers, padding, ...media });
    return { publication, instance: channel.name, type, data };
  };
}
