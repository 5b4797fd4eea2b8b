/** Large frames while much is copied for blocked sockets: in fragments, and every rule holds as for whole ones. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UwsFanOut } from "../../src/transport/uws/fan-out.js";
import { fragmentBytes } from "../../src/transport/uws/fragments.js";
import { fakeHub, principal, settle, upTo } from "../support/fake-hub.js";

/** What is copied is always too much. */
const always = { min: 0, perSocket: 0 };
const large = 100_000;

describe("a large frame", () => {
  it("goes whole as long as little is copied, also to those that are blocked by it", async () => {
    const { buffered, open, publish, numbers } = fakeHub({ copyLimit: { min: 2 * large, perSocket: 0 } });
    const sockets = [open(50_000), open(50_000), open()];
    publish("label.update", large);
    await settle();
    expect(sockets.map(({ fragmented }) => fragmented)).toEqual([0, 0, 0]);
    expect(buffered.bytes).toBe(sockets.reduce((sum, socket) => sum + socket.getBufferedAmount(), 0));
    for (const socket of sockets) socket.drain(Number.POSITIVE_INFINITY);
    await settle();
    expect(sockets.map(numbers)).toEqual([[1], [1], [1]]);
    expect(buffered.bytes).toBe(0);
  });

  it("goes in fragments from the limit on, and leaves one of them behind in each blocked socket", async () => {
    const { buffered, open, publish, numbers } = fakeHub({ copyLimit: { min: 30_000, perSocket: 0 } });
    const [first, second, healthy] = [open(50_000), open(50_000), open()];
    publish("label.update", large);
    await settle();
    // Visited from the last to the first.
    expect([healthy.fragmented, second.fragmented, first.fragmented]).toEqual([0, 0, 1]);
    expect(first.getBufferedAmount()).toBeLessThanOrEqual(fragmentBytes + 4);
    publish("label.update", large);
    await settle();
    expect(healthy.fragmented).toBe(1);
    for (const socket of [first, second]) socket.drain(Number.POSITIVE_INFINITY);
    await settle();
    expect([first, second, healthy].map(numbers)).toEqual([upTo(2), upTo(2), upTo(2)]);
    expect(buffered.bytes).toBe(0);
  });

  it("goes on in one piece when what is copied has come down meanwhile", async () => {
    const { buffered, open, publish, numbers } = fakeHub({ copyLimit: { min: 30_000, perSocket: 0 } });
    const [slow, cause] = [open(20_000), open(20_000)];
    publish("label.update", large);
    await settle();
    expect(slow.fragmented).toBe(1);
    cause.close();
    slow.drain(fragmentBytes + 4);
    await settle();
    expect(slow.getBufferedAmount()).toBeGreaterThan(large / 2);
    expect(buffered.bytes).toBe(slow.getBufferedAmount());
    slow.drain(Number.POSITIVE_INFINITY);
    await settle();
    expect(numbers(slow)).toEqual([1]);
  });

  it("counts as one of the 256 while a part of it is parked", async () => {
    const { hub, open, publish } = fakeHub({ copyLimit: always, pendingBytesMax: 1e9 });
    open(20_000);
    for (let i = 0; i < 256; i++) publish("label.update", i === 0 ? large : 0);
    await settle();
    expect(hub.stats.closes.size).toBe(0);
    publish();
    await settle();
    expect(hub.stats.closes.get(4008)).toBe(1);
  });

  it("counts against the byte limit with what is left of it", async () => {
    const { hub, open, publish } = fakeHub({ copyLimit: always, pendingBytesMax: 2 * large });
    open(50_000);
    publish("label.update", large);
    publish("label.update", large);
    publish("label.update", 40_000);
    await settle();
    expect(hub.stats.closes.size).toBe(0);
    publish("label.update", 20_000);
    await settle();
    expect(hub.stats.closes.get(4008)).toBe(1);
  });
});

describe("what is copied", () => {
  it("may be more with more open sockets", () => {
    const fanOut = new UwsFanOut(() => {}, { min: 1_000, perSocket: 10 });
    fanOut.buffered.bytes = 1_000;
    expect(fanOut.copiesAreFull).toBe(true);
    fanOut.buffered.connections = 101;
    expect(fanOut.copiesAreFull).toBe(false);
    fanOut.buffered.connections = 100;
    expect(fanOut.copiesAreFull).toBe(true);
  });

  const ends: [
    string,
    (hub: ReturnType<typeof fakeHub>, socket: ReturnType<ReturnType<typeof fakeHub>["open"]>) => void,
  ][] = [
    ["drains", (_, socket) => socket.drain(Number.POSITIVE_INFINITY)],
    ["goes away", (_, socket) => socket.onClose()],
    ["is a slow consumer", ({ publish }) => upTo(257).forEach(() => void publish())],
    [
      "is closed with its instance",
      ({ hub }) => hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false }),
    ],
    ["is closed with its token", ({ hub }) => hub.principalRevoked(principal)],
  ];
  it.each(ends)("is 0 again when the only blocked socket %s", async (_, end) => {
    const hub = fakeHub({ copyLimit: always });
    const socket = hub.open(50_000);
    hub.publish("label.update", large);
    await settle();
    expect(hub.buffered.bytes).toBeGreaterThan(0);
    end(hub, socket);
    await settle();
    // Of one that is closing it goes with the socket.
    expect(hub.buffered.bytes).toBe(hub.buffered.leaving);
    socket.drain(Number.POSITIVE_INFINITY);
    await settle();
    expect([hub.buffered.bytes, hub.buffered.leaving]).toEqual([0, 0]);
  });
});

it("keeps every rule with fragments, whatever is published, read and closed, and counts what is copied", async () => {
  const who = fc.nat(3);
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        publish: fc.integer({ min: 1, max: 40 }),
        size: fc.constantFrom(0, 300, 3_900, 4_096, 9_000, 16_000, 60_000),
      }),
    },
    { weight: 6, arbitrary: fc.record({ drain: fc.integer({ min: 1, max: 150_000 }), who }) },
    { weight: 1, arbitrary: fc.record({ leave: who }) },
  );
  const rooms = fc.array(fc.nat(60_000), { minLength: 4, maxLength: 4 });
  let fragmented = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      rooms,
      fc.constantFrom(0, 3_000, 50_000),
      async (steps, rooms, limit) => {
        const { hub, buffered, open, publish, numbers } = fakeHub({
          copyLimit: { min: limit, perSocket: 0 },
          pendingBytesMax: 1e9,
        });
        const sockets = rooms.map((room) => open(room));
        const healthy = open();
        /** Those that left or had too much waiting. */
        const out = new Set<unknown>();
        let sent = 0;
        for (const action of steps) {
          if ("publish" in action) {
            for (let i = 0; i < action.publish; i++) publish("label.update", action.size);
            sent += action.publish;
            await settle();
            for (const socket of sockets) {
              if (out.has(socket)) continue;
              // What the kernel had not wholly taken was 257 frames or more: exactly then it had to go.
              if (sent - socket.received.length <= 256) {
                expect(socket.ended).toBeUndefined();
                continue;
              }
              socket.drain(Number.POSITIVE_INFINITY);
              await settle();
              expect(socket.ended?.code).toBe(4008);
              out.add(socket);
            }
          } else if ("drain" in action) {
            sockets[action.who]?.drain(action.drain);
          } else {
            const socket = sockets[action.leave];
            if (socket !== undefined && !out.has(socket)) socket.close();
            out.add(socket);
          }
          await settle();
        }
        for (const socket of sockets) socket.drain(Number.POSITIVE_INFINITY);
        await settle();
        for (const socket of sockets) {
          fragmented += socket.fragmented;
          expect(numbers(socket)).toEqual(upTo(out.has(socket) ? socket.received.length : sent));
        }
        expect(numbers(healthy)).toEqual(upTo(sent));
        expect(buffered.bytes).toBe(0);
        expect(hub.stats.consumers).toBe(1 + sockets.filter((socket) => !out.has(socket)).length);
      },
    ),
    { numRuns: 200 },
  );
  expect(fragmented).toBeGreaterThan(5_000);
});
