/** What the frames of one turn become: broadcasts, visits, and what is left for the turns after it. */

import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fakeHub, settle, upTo } from "../support/fake-hub.js";

describe("a turn", () => {
  it("broadcasts 64 frames in a turn, and those behind them in the next", async () => {
    const { hub, open, publish, numbers } = fakeHub();
    const socket = open();
    for (let i = 0; i < 100; i++) publish();
    await turn();
    expect(hub.stats.framesDelivered).toBe(64);
    publish();
    await settle();
    expect(numbers(socket)).toEqual(upTo(101));
  });

  it("carries at most 2,048 frames into later turns: what is more goes at once", async () => {
    const { open, publish, numbers } = fakeHub();
    const socket = open();
    for (let i = 0; i < 3_000; i++) publish();
    await turn();
    expect(numbers(socket).length).toBeGreaterThanOrEqual(3_000 - 2_048);
    await settle();
    expect(numbers(socket)).toEqual(upTo(3_000));
  });

  it("gives one socket all that a turn brought before it turns to the next, up to 300 kB", async () => {
    const { open, publish, numbers } = fakeHub();
    const [first, second] = [open(), open()];
    const seen: string[] = [];
    for (const socket of [first, second]) {
      const send = socket.send.bind(socket);
      socket.send = (frame) => {
        seen.push(`${socket === first ? "first" : "second"} ${frame.length > 100_000 ? "large" : "small"}`);
        return send(frame);
      };
    }
    for (const size of [20_000, 20_000, 200_000, 200_000]) publish("label.update", size);
    await turn();
    const [small, large] = [(who: string) => `${who} small`, (who: string) => `${who} large`];
    expect(seen).toEqual([
      ...["second", "first"].flatMap((who) => [small(who), small(who), large(who)]),
      ...["second", "first"].map(large),
    ]);
    for (const socket of [first, second]) expect(numbers(socket)).toEqual(upTo(4));
  });

  it("gives a socket that comes while frames wait none of those, and all that are published from then on", async () => {
    const size = fc.constantFrom(0, 300, 5_000, 20_000);
    const step = fc.record({ publish: fc.nat(150), size, comes: fc.boolean(), turns: fc.nat(2) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { open, publish, numbers } = fakeHub();
        const sockets = [{ from: 0, socket: open() }];
        let sent = 0;
        for (const { publish: count, size, comes, turns } of steps) {
          for (let i = 0; i < count; i++) publish("label.update", size);
          sent += count;
          if (comes) sockets.push({ from: sent, socket: open() });
          for (let i = 0; i < turns; i++) await turn();
        }
        for (let i = 0; i < 5; i++) await settle();
        for (const { from, socket } of sockets) expect(numbers(socket)).toEqual(upTo(sent).slice(from));
      }),
      { numRuns: 150 },
    );
  });
});
