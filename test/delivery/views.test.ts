/** Several views of one instance at once: each is a stream of its own, exact in order and in what waits. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMemoryBus } from "../../src/bus/memory-bus.js";
import { createHub } from "../../src/delivery/create-hub.js";
import type { FrameFormat } from "../../src/delivery/frames/frame.js";
import type { HubOptions } from "../../src/delivery/hub.js";
import { type View, wholeView } from "../../src/delivery/view.js";
import { type EventType, eventTypeBit, eventTypes } from "../../src/domain/event-type.js";
import { addWritable, type WritableConnection, WritableFanOut } from "../../src/transport/node/fan-out.js";
import { UwsFanOut } from "../../src/transport/uws/fan-out.js";
import type { UwsSocket } from "../../src/transport/uws/socket.js";
import { all, entry, type FakeConnection, plainFormat, principal, settle } from "../support/fake-hub.js";
import { FakeSocket, FakeTopics } from "../support/fake-socket.js";
import { framedFormat } from "../support/framed-format.js";
import { MeteredStream } from "../support/metered-stream.js";
import { stamp } from "../support/stamp.js";

/** A second kind of frame: less than the plain one, and another order. */
const terseFormat: FrameFormat = {
  builderFor: ({ name }) => {
    const tail = Buffer.from(`,"of":${JSON.stringify(name)}}`);
    return ({ type, data }) => Buffer.concat([Buffer.from(`{"data":`), data, Buffer.from(`,"type":"${type}"`), tail]);
  },
};

const some: readonly EventType[] = ["call.update", "label.update"];
const bits = (types: readonly EventType[]) => types.reduce((sum, type) => sum | (eventTypeBit.get(type) as number), 0);

/** A hub with two formats and two filters on one instance, over both kinds of connections: eight views. */
function createViews(options: Partial<HubOptions> = {}) {
  const bus = createMemoryBus();
  const hub = createHub({ bus, findEntry: () => undefined, pendingBytesMax: 1e9, ...options });
  const topics = new FakeTopics();
  const [sockets, streams] = [new UwsFanOut(topics.publish), new WritableFanOut({ heldBytesMax: 1 })];
  const formats = [plainFormat, terseFormat];
  const framedFormats = formats.map(framedFormat);
  const current = { events: [] as readonly EventType[] };
  const owned = () => entry("1", { ...all, events: current.events });

  function openSocket(view: View<UwsSocket>, room: number): FakeSocket {
    const socket = new FakeSocket(topics, room);
    const consumer = hub.add(socket, owned(), principal, view);
    socket.onDrain = () => hub.drained(consumer);
    socket.onPong = () => hub.ponged(consumer);
    socket.onClose = () => hub.remove(consumer);
    return socket;
  }

  function openStream(view: View<WritableConnection>, room: number): MeteredStream {
    const stream = new MeteredStream(room);
    const consumer = addWritable(hub, stream, owned(), principal, view);
    stream.onPong = () => hub.ponged(consumer);
    return stream;
  }

  /** `view`: 0 to 7. */
  function open(view: number, room = Number.POSITIVE_INFINITY) {
    const [terse, narrow, overStream] = [(view & 1) > 0, (view & 2) > 0, (view & 4) > 0];
    const types = narrow ? bits(some) : bits(eventTypes);
    const reader: FakeConnection = overStream
      ? openStream({ ...wholeView(framedFormats[Number(terse)] as FrameFormat, streams), types }, room)
      : openSocket({ ...wholeView(formats[Number(terse)] as FrameFormat, sockets), types }, room);
    const expected: string[] = [];
    const takes = (type: EventType) =>
      (!narrow || some.includes(type)) && (current.events.length === 0 || current.events.includes(type));
    const text = (type: EventType, data: string) =>
      terse
        ? `{"data":${data},"type":"${type}","of":"1"}`
        : `{"event":"${type}","data":${data},"instanceData":{"baseUrl":"http://x","instance":"1","token":"ti_x"}}`;
    const expectEvent = (type: EventType, data: string) => {
      if (takes(type)) expected.push(text(type, data));
    };
    return { reader, expected, expectEvent, gone: false };
  }

  let published = 0;
  function publish(type: EventType, size: number, readers: readonly ReturnType<typeof open>[]): void {
    const data = `{"n":${++published},"pad":"${"x".repeat(size)}"}`;
    for (const reader of readers) reader.expectEvent(type, data);
    bus.publish({ ...stamp, instanceId: "1", type, data: Buffer.from(data) });
  }

  function configure(events: readonly EventType[]): void {
    current.events = events;
    hub.instanceChanged(owned());
  }

  return { hub, open, publish, configure };
}

describe("the views of an instance", () => {
  it("share a stream when they are the same, and the frame is built once for it", async () => {
    const { hub, open, publish } = createViews();
    const readers = [open(0), open(0), open(1), open(2), open(4)];
    publish("message.status", 0, readers);
    publish("call.update", 0, readers);
    await settle();
    for (const { reader, expected } of readers) expect(reader.received).toEqual(expected);
    expect(hub.stats).toMatchObject({ events: 2, filtered: 0, framesBuilt: 3 + 4, framesDelivered: 4 + 5 });
    expect(hub.takers(entry("1"), "message.status")).toBe(4);
    expect(hub.takers(entry("1"), "call.update")).toBe(5);
  });

  it("only narrow what the channel configuration takes, also when that changes", async () => {
    const { hub, open, publish, configure } = createViews();
    const readers = [open(0), open(2)];
    for (const events of [["message.status", "call.update"], ["message.status"], []] as EventType[][]) {
      configure(events);
      for (const type of eventTypes) publish(type, 0, readers);
    }
    await settle();
    for (const { reader, expected } of readers) expect(reader.received).toEqual(expected);
    expect(readers.map(({ expected }) => expected.length)).toEqual([2 + 1 + 6, 1 + 0 + 2]);
    expect(hub.stats.filtered).toBe(4 + 5);
  });

  it("end with their last consumer, and the others go on", async () => {
    const { hub, open, publish } = createViews();
    const [stays, leaves] = [open(0), open(1)];
    leaves.reader.close();
    publish("call.update", 0, [stays]);
    const back = open(1);
    publish("call.update", 0, [stays, back]);
    await settle();
    expect(stays.reader.received).toEqual(stays.expected);
    expect(back.reader.received).toEqual(back.expected);
    expect(hub.stats.framesBuilt).toBe(1 + 2);
  });

  it("are closed with their instance, each after its own frames", async () => {
    const { hub, open, publish } = createViews();
    const readers = Array.from({ length: 8 }, (_, view) => open(view));
    for (let i = 0; i < 150; i++) publish(eventTypes[i % 6] as EventType, 300, readers);
    hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
    await settle();
    for (const { reader, expected } of readers) {
      expect(reader.received).toEqual(expected);
      expect(reader.ended?.code).toBe(4004);
    }
    expect(hub.stats.consumers).toBe(0);
  });

  it("are exact in order, in what waits and for late joiners, each of two formats and two filters over both fan-outs", async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          types: fc.array(fc.constantFrom(...eventTypes), { minLength: 1, maxLength: 200 }),
          size: fc.constantFrom(0, 300, 5_000, 20_000),
          /** The consumer that comes in the midst of them, and its view. */
          joins: fc.option(fc.record({ view: fc.nat(7), room: fc.constantFrom(0, 10_000, 1e9) })),
          turns: fc.nat(2),
        }),
      },
      { weight: 4, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 200_000 }), who: fc.nat(11) }) },
      { weight: 1, arbitrary: fc.record({ events: fc.uniqueArray(fc.constantFrom(...eventTypes)) }) },
      { weight: 1, arbitrary: fc.record({ leaves: fc.nat(11) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { hub, open, publish, configure } = createViews();
        const readers = Array.from({ length: 12 }, (_, i) => open(i % 8, [1e9, 0, 30_000][i % 3]));
        for (const action of steps) {
          if ("types" in action) {
            const half = Math.floor(action.types.length / 2);
            for (const type of action.types.slice(0, half)) publish(type, action.size, readers);
            await settle(action.turns);
            if (action.joins !== null) readers.push(open(action.joins.view, action.joins.room));
            for (const type of action.types.slice(half)) publish(type, action.size, readers);
          } else if ("drain" in action) readers[action.who]?.reader.drain(action.drain);
          else if ("events" in action) configure(action.events);
          else {
            const left = readers[action.leaves] as (typeof readers)[number];
            if (!left.gone) left.reader.close();
            left.gone = true;
          }
          await settle(100);
          for (const one of readers) {
            if (one.gone) continue;
            const { reader, expected } = one;
            if (expected.length - reader.received.length <= 256) expect(reader.ended).toBeUndefined();
            else {
              reader.drain(Number.POSITIVE_INFINITY);
              await settle(100);
              expect(reader.ended?.code).toBe(4008);
              one.gone = true;
            }
          }
        }
        for (const { reader } of readers) reader.drain(Number.POSITIVE_INFINITY);
        await settle(150);
        for (const { reader, expected, gone } of readers)
          expect(reader.received).toEqual(gone ? expected.slice(0, reader.received.length) : expected);
        expect(hub.stats.consumers).toBe(readers.filter(({ gone }) => !gone).length);
      }),
      { numRuns: 60 },
    );
  });
});
