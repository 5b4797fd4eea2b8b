/**
 * Drives a running server with random traffic and checks every frame of every socket against what was published: each
 * one that its filter takes, once, in order, or the close that the contract names.
 */

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import type { Random } from "./random.js";
import { SequenceReader } from "./sequence-reader.js";

export interface Target {
  /** The public port, `http://…`. */
  readonly url: string;
  readonly grpcUrl: string;
  readonly accountToken: string;
  /** Of the server under test: more bytes waiting for a socket end it. */
  readonly pendingBytesMax: number;
}

export interface Tally {
  published: number;
  received: number;
  pauses: number;
  edits: number;
  cuts: number;
  slowConsumers: number;
}

/** What was published to one instance, and whether the filter in force took it. */
export class Channel {
  readonly name: string;
  events: readonly EventType[] = [];
  /** The events that the filter took, without those that every reader has passed. */
  readonly taken: { readonly n: number; readonly bytes: number }[] = [];
  /** How many were dropped from the front of `taken`. */
  dropped = 0;
  next = 1;

  constructor(name: string) {
    this.name = name;
  }

  takes(type: EventType): boolean {
    return this.events.length === 0 || this.events.includes(type);
  }
}

const instances = 4;
const readersPerInstance = 5;

export async function driveExactly(target: Target, random: Random, until: () => boolean): Promise<Tally> {
  const tally: Tally = { published: 0, received: 0, pauses: 0, edits: 0, cuts: 0, slowConsumers: 0 };
  const batches = createBatches(target);
  const channels = await Promise.all(
    Array.from({ length: instances }, async (_, i) => {
      const channel = new Channel(`exact-${i}`);
      await call(target, "/api/instance/new", { name: channel.name, websocketEnabled: true });
      return channel;
    }),
  );
  const readers = new Set<SequenceReader>();

  while (!until()) {
    for (const channel of channels) {
      const mine = [...readers].filter((reader) => reader.channel === channel);
      for (let i = mine.length; i < readersPerInstance; i++)
        readers.add(await SequenceReader.open(target, channel, tally));
    }
    const reader = random.pick([...readers]);
    const dice = random.below(100);
    if (dice < 80) await publish();
    else if (dice < 92) {
      tally.pauses++;
      reader.toggle();
    } else if (dice < 96) await edit(random.pick(channels));
    else if (dice < 97) {
      tally.cuts++;
      reader.cut();
    }
    for (const gone of [...readers].filter(({ ended }) => ended)) readers.delete(gone);
    for (const channel of channels) forget(channel);
  }
  await Promise.all([...readers].map((reader) => reader.finish()));
  await batches.end();
  return tally;

  async function publish(): Promise<void> {
    const events = Array.from({ length: 1 + random.below(64) }, () => {
      const channel = random.pick(channels);
      const type = random.pick(eventTypes);
      const n = channel.next++;
      const padding = random.size();
      if (channel.takes(type)) channel.taken.push({ n, bytes: padding });
      const value = Buffer.from(`{"n":${n},"pad":"${"x".repeat(padding)}"}`);
      return { instance: channel.name, event: type, payload: { case: "dataJson" as const, value } };
    });
    tally.published += events.length;
    await batches.send(events);
  }

  /** No event is under way here, so the edit has its exact place in the sequence. */
  async function edit(channel: Channel): Promise<void> {
    tally.edits++;
    const path = `/api/events/websocket/${channel.name}`;
    if (random.below(4) === 0) {
      await call(target, path, { enabled: false });
      // Open sockets keep the last enabled filter.
      await publish();
      await call(target, path, { enabled: true, events: channel.events });
    }
    const events = random.below(3) === 0 ? [] : eventTypes.filter(() => random.below(2) === 0);
    await call(target, path, { enabled: true, events });
    channel.events = events;
  }

  function forget(channel: Channel): void {
    const positions = [...readers].filter((r) => r.channel === channel).map((r) => r.position);
    const passed = Math.min(...positions, channel.dropped + channel.taken.length) - channel.dropped;
    channel.taken.splice(0, passed);
    channel.dropped += passed;
  }
}

async function call(target: Target, path: string, body: object): Promise<void> {
  const response = await fetch(target.url + path, {
    method: "POST",
    headers: { token: target.accountToken, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

interface Batch {
  readonly sequence: bigint;
  readonly events: { instance: string; event: string; payload: { case: "dataJson"; value: Buffer } }[];
}

/** One gRPC stream; a batch is sent when the one before it was answered. */
function createBatches(target: Target) {
  const transport = createGrpcTransport({ baseUrl: target.grpcUrl });
  let push: (value: Batch | undefined) => void = () => {};
  async function* requests() {
    for (;;) {
      const value = await new Promise<Batch | undefined>((resolve) => {
        push = resolve;
      });
      if (value === undefined) return;
      yield value;
    }
  }
  const answers = createClient(EventService, transport)
    .publishEvents(requests(), { headers: { token: target.accountToken } })
    [Symbol.asyncIterator]();
  return {
    async send(events: Batch["events"]): Promise<void> {
      const answer = answers.next();
      push({ sequence: 0n, events });
      const { value } = await answer;
      if (value?.published !== events.length) throw new Error(`refused: ${JSON.stringify(value?.refusals)}`);
    },
    async end(): Promise<void> {
      push(undefined);
      await answers.next();
    },
  };
}
