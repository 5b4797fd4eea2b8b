/** The stream of batches on every protocol that can carry it. */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import * as grpc from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { PublishEventsRequestSchema, PublishEventsResponseSchema } from "../../gen/eventwire/v1/event_service_pb.js";
import type { Event } from "../../src/bus/bus.js";
import type { Instance } from "../../src/domain/instance.js";
import { type EventStream, eventOf, openEventStream, streamTransports } from "../support/event-stream.js";
import { openH2 } from "../support/h2-client.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const path = "/eventwire.v1.EventService/PublishEvents";
const publishMaxBytes = 2 ** 20;

let node: ServiceNode;
let desk: Instance;
let events: Event[];
beforeAll(async () => {
  node = await startServiceNode({ publishMaxBytes });
  desk = await node.createInstance("desk");
});
afterAll(() => node.close());
beforeEach(() => {
  events = node.eventsOf(desk.id);
});

describe.each(Object.entries(streamTransports))("over %s", (_, transport) => {
  const open = (token = node.token): EventStream => openEventStream(node.url, token, transport(node.url));

  it("answers each batch, before the next one is sent", async () => {
    const stream = open();
    for (let n = 0; n < 5; n++) {
      stream.send({ sequence: BigInt(n), events: [eventOf("desk", "call.update", `{"n":${n}}`)] });
      expect(await stream.acknowledgement()).toEqual({ sequence: n, published: 1, refusals: [] });
      expect(events.at(-1)?.data.toString()).toBe(`{"n":${n}}`);
    }
    stream.end();
    expect(await stream.acknowledgement()).toBeUndefined();
  });

  it("takes the Struct form, and names what it refuses", async () => {
    const stream = open();
    const struct = { case: "data" as const, value: { deep: { list: [1, { a: null }] } } };
    const large = { case: "dataJson" as const, value: Buffer.from(`{"t":"${"x".repeat(publishMaxBytes)}"}`) };
    stream.send({
      events: [
        { instance: "desk", event: "call.update", payload: struct },
        { instance: "desk", event: "call.update" },
        { instance: "elsewhere", event: "call.update", payload: struct },
        { instance: "desk", event: "call.update", payload: large },
      ],
    });
    expect(await stream.acknowledgement()).toMatchObject({
      published: 1,
      refusals: [
        { index: 1, reason: "INVALID_REQUEST_BODY", message: "Invalid request body" },
        { index: 2, reason: "INSTANCE_NOT_FOUND", message: "Instance not found" },
        { index: 3, reason: "EVENT_TOO_LARGE", message: "Event too large" },
      ],
    });
    expect(events.map(({ data }) => JSON.parse(data.toString()))).toEqual([struct.value]);
    stream.end();
  });

  it("is refused to an instance and to strangers", async () => {
    for (const token of [desk.token, "nobody's"]) {
      const stream = open(token);
      stream.send({ events: [] });
      await expect(stream.acknowledgement()).rejects.toThrow("[unauthenticated] Invalid token");
    }
  });

  it("ends with a batch of more than 1024 events, none of them published", async () => {
    const stream = open();
    stream.send({ events: Array(1024).fill(eventOf("desk", "call.update", "{}")) });
    expect(await stream.acknowledgement()).toMatchObject({ published: 1024 });
    stream.send({ events: Array(1025).fill(eventOf("desk", "call.update", "{}")) });
    await expect(stream.acknowledgement()).rejects.toThrow("[invalid_argument] Invalid request body");
    expect(events.length).toBe(1024);
  });

  it("ends with a batch that is larger than any event may be", async () => {
    const stream = open();
    const half = eventOf("desk", "call.update", `{"t":"${"x".repeat(publishMaxBytes * 0.9)}"}`);
    stream.send({ events: [half, half] });
    await expect(stream.acknowledgement()).rejects.toThrow("[resource_exhausted] Event too large");
    expect(events).toEqual([]);
  });
});

describe("a producer on grpc-js", () => {
  it("keeps many batches on their way", async () => {
    const client = new grpc.Client(new URL(node.url).host, grpc.credentials.createInsecure());
    const metadata = new grpc.Metadata();
    metadata.set("token", node.token);
    const call = client.makeBidiStreamRequest(
      path,
      (batch: Buffer) => batch,
      (answer: Buffer) => fromBinary(PublishEventsResponseSchema, answer),
      metadata,
    );
    const batch = (n: number): Buffer =>
      Buffer.from(
        toBinary(
          PublishEventsRequestSchema,
          create(PublishEventsRequestSchema, {
            sequence: BigInt(n),
            events: Array.from({ length: 64 }, (_, i) => eventOf("desk", "call.update", `{"n":${64 * n + i}}`)),
          }),
        ),
      );
    for (let n = 0; n < 200; n++) call.write(batch(n));
    call.end();
    const sequences: bigint[] = [];
    for await (const { sequence, published } of call) {
      expect(published).toBe(64);
      sequences.push(sequence);
    }
    client.close();
    expect(sequences).toEqual(Array.from({ length: 200 }, (_, n) => BigInt(n)));
    expect(events.map(({ data }) => data.toString())).toEqual(Array.from({ length: 200 * 64 }, (_, n) => `{"n":${n}}`));
  });
});

describe("a plain gRPC stream", () => {
  const headers = { "content-type": "application/grpc", te: "trailers" };

  function message(events: number, sequence = 1n): Buffer {
    const init = { sequence, events: Array(events).fill(eventOf("desk", "call.update", "{}")) };
    return Buffer.from(toBinary(PublishEventsRequestSchema, create(PublishEventsRequestSchema, init)));
  }

  function framed(bytes: Buffer, flags = 0): Buffer {
    const head = Buffer.alloc(5);
    head[0] = flags;
    head.writeUInt32BE(bytes.length, 1);
    return Buffer.concat([head, bytes]);
  }

  const open = async () => {
    const client = await openH2(node.port.port);
    return { client, stream: client.post(path, { ...headers, token: node.token }) };
  };

  it("answers its headers before the first batch", async () => {
    const { client, stream } = await open();
    expect(await stream.headers()).toMatchObject({ ":status": 200, "content-type": "application/grpc+proto" });
    stream.end();
    expect((await stream.done()).trailers).toMatchObject({ "grpc-status": "0" });
    client.close();
  });

  it("takes messages however they are cut", async () => {
    const { client, stream } = await open();
    const bytes = Buffer.concat([framed(message(3)), framed(message(0)), framed(message(2))]);
    for (const byte of bytes) stream.write(Buffer.from([byte]));
    stream.end();
    const { body, trailers } = await stream.done();
    expect(trailers).toMatchObject({ "grpc-status": "0" });
    expect(body.length).toBeGreaterThan(15);
    expect(events.length).toBe(5);
    client.close();
  });

  it.each([
    ["a message that ends early", framed(message(1)).subarray(0, -3), true],
    ["half a prefix", Buffer.from([0, 0]), true],
    ["a compressed message without compression", framed(message(1), 1), false],
    ["bytes that are no message", framed(Buffer.from([0xff, 0xff, 0xff])), false],
    [
      "a name that is no UTF-8",
      framed(
        Buffer.from(
          new BinaryWriter()
            .tag(2, WireType.LengthDelimited)
            .bytes(
              new BinaryWriter()
                .tag(1, WireType.LengthDelimited)
                .bytes(Buffer.from([0xff]))
                .finish(),
            )
            .finish(),
        ),
      ),
      false,
    ],
  ])("ends with %s, and what came before stays published", async (_, bytes, endsThere) => {
    const { client, stream } = await open();
    stream.write(framed(message(2)));
    stream.write(bytes);
    if (endsThere) stream.end();
    const { trailers } = await stream.done();
    expect(trailers).toMatchObject({ "grpc-status": "3", "grpc-message": "Invalid%20request%20body" });
    expect(events.length).toBe(2);
    client.close();
  });

  it("ends before a message that is announced too large is read", async () => {
    const { client, stream } = await open();
    stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    expect((await stream.done()).trailers).toMatchObject({ "grpc-status": "8", "grpc-message": "Event%20too%20large" });
    client.close();
  });

  it("is left without harm by a producer that goes in the middle of a message", async () => {
    for (const bytes of [framed(message(2)).subarray(0, 20), framed(message(2)), Buffer.alloc(0)]) {
      const { client, stream } = await open();
      stream.write(bytes);
      await stream.headers();
      client.destroy();
    }
    const { client, stream } = await open();
    stream.write(framed(message(1)));
    stream.end();
    expect((await stream.done()).trailers).toMatchObject({ "grpc-status": "0" });
    client.close();
    expect(node.log.filter((line) => (line.level as number) >= 40)).toEqual([]);
  });
});

describe("a rate limit on publishing", () => {
  it("counts events, refuses those beyond it and keeps the stream", async () => {
    const limited = await startServiceNode({ limits: { publish: 5 } });
    try {
      const accountId = limited.directory.principal(limited.token)?.accountId ?? "";
      const { id } = await limited.store.createInstance({ accountId, name: "desk" });
      const published = limited.eventsOf(id);
      const stream = openEventStream(limited.url, limited.token);
      const three = { events: Array(3).fill(eventOf("desk", "call.update", "{}")) };
      const refusal = { reason: "RATE_LIMITED", message: "Rate limit exceeded. Try again later." };
      stream.send(three);
      expect(await stream.acknowledgement()).toMatchObject({ published: 3, refusals: [] });
      stream.send(three);
      expect(await stream.acknowledgement()).toMatchObject({ published: 2, refusals: [{ index: 2, ...refusal }] });
      stream.send(three);
      expect(await stream.acknowledgement()).toMatchObject({
        published: 0,
        refusals: [0, 1, 2].map((index) => ({ index, ...refusal })),
      });
      stream.end();
      expect(await stream.acknowledgement()).toBeUndefined();
      expect(published.length).toBe(5);
    } finally {
      await limited.close();
    }
  });
});
