import { describe, expect, it } from "vitest";
import type { Books, Life, Publication } from "./books.js";
import { settle } from "./settle.js";

/** Numbers 1 to 5 of one publisher, given to process 1 at the times 10, 20, … and answered 5 ms later. */
function events(change: (event: Publication) => Partial<Publication> = () => ({})): Publication[] {
  return [1, 2, 3, 4, 5].map((n) => {
    const event: Publication = {
      publisher: 7,
      n,
      instance: 0,
      type: "call.update",
      wanted: true,
      process: 1,
      connection: 1,
      startedAt: n * 10,
      answeredAt: n * 10 + 5,
      answer: "ok",
    };
    return { ...event, ...change(event) };
  });
}

/** Of a socket on process 2 that is open from the begin. */
function life(numbers: readonly number[], more: Partial<Life> = {}): Life {
  const received = numbers.map((n) => ({ instance: 0, publisher: 7, n }));
  return {
    kind: "plain socket",
    instance: 0,
    process: 2,
    dialledAt: 0,
    openedAt: 0,
    received,
    closed: undefined,
    ...more,
  };
}

const empty = { resuming: [], interruptions: [], deaths: [], severalWorkers: new Set<number>(), faults: [] };

function settled(published: Publication[], one: Life, more: Partial<Books> = {}) {
  return settle({ ...empty, published: [new Map([[7, published]])], lives: [one], ...more });
}

const third = (more: Partial<Publication>) => events(({ n }) => (n === 3 ? more : {}));

describe("the ledger", () => {
  it("is satisfied with everything, once and in order", () => {
    const { total, duplicates, disordered, strangers } = settled(events(), life([1, 2, 3, 4, 5]));
    expect(total).toMatchObject({ events: 5, expected: 5, delivered: 5, unexplained: 0 });
    expect([duplicates, disordered, strangers]).toEqual([[], [], []]);
  });

  it("finds a loss, a duplicate, a wrong order and what should never have come", () => {
    expect(settled(events(), life([1, 2, 4, 5])).unexplained).toHaveLength(1);
    expect(settled(events(), life([1, 2, 3, 3, 4, 5])).duplicates).toHaveLength(1);
    expect(settled(events(), life([1, 3, 2, 4, 5])).disordered).toHaveLength(1);
    expect(settled(third({ wanted: false }), life([1, 2, 3, 4, 5])).strangers).toHaveLength(1);
    expect(settled(third({ answer: "error" }), life([1, 2, 3, 4, 5])).strangers).toHaveLength(1);
    expect(settled(events(), life([1, 2, 3, 4, 5, 6])).strangers).toHaveLength(1);
  });

  it.each(["error", "none", "unreached"] as const)("takes the answer %s for an explanation", (answer) => {
    expect(settled(third({ answer }), life([1, 2, 4, 5])).total).toMatchObject({ told: 1, unexplained: 0 });
  });

  it("takes each of several workers for a node of its own", () => {
    const severalWorkers = new Set([1]);
    const one = life([1, 2, 4, 5], { process: 1 });
    expect(settled(third({ answer: "unreached" }), one, { severalWorkers }).total.told).toBe(1);
    const interruptions = [{ process: 1, reason: "", from: 0, until: 100 }];
    expect(settled(events(), one, { severalWorkers, interruptions }).total.interrupted).toBe(1);
    expect(settled(events(), one, { severalWorkers }).total.unexplained).toBe(1);
  });

  it("lets an event come late among several workers only when its publisher was told", () => {
    const severalWorkers = new Set([1]);
    const one = life([1, 2, 4, 3, 5]);
    expect(settled(third({ answer: "unreached" }), one, { severalWorkers }).disordered).toEqual([]);
    expect(settled(third({ answer: "unreached" }), one).disordered).toHaveLength(1);
    expect(settled(events(), one, { severalWorkers }).disordered).toHaveLength(1);
  });

  it("lets an event of a stream that ended come behind those of the next stream, and of no other", () => {
    const late = (connection: number) =>
      settled(third({ answer: "unstored", connection }), life([1, 2, 4, 3, 5])).disordered.length;
    expect([late(2), late(1)]).toEqual([0, 1]);
  });

  it("does not take the absence of other nodes for one on the node itself", () => {
    const one = life([1, 2, 4, 5], { process: 1 });
    expect(settled(third({ answer: "unreached" }), one).total.unexplained).toBe(1);
    const interruptions = [{ process: 1, reason: "", from: 0, until: 100 }];
    expect(settled(events(), one, { interruptions }).total.unexplained).toBe(1);
  });

  it.each([
    { process: 2, from: 0, until: 29, interrupted: 0 },
    { process: 2, from: 0, until: 30, interrupted: 1 },
    { process: 2, from: 35, until: Number.POSITIVE_INFINITY, interrupted: 1 },
    { process: 2, from: 36, until: 40, interrupted: 0 },
    { process: 3, from: 0, until: 100, interrupted: 0 },
  ])("looks at whose interruption it was, and when: $process, $from to $until", ({ interrupted, ...span }) => {
    const { total } = settled(events(), life([1, 2, 4, 5]), { interruptions: [{ ...span, reason: "" }] });
    expect(total).toMatchObject({ interrupted, unexplained: 1 - interrupted });
  });

  it("takes a close for what is behind the last frame, and for nothing before", () => {
    const closed = { at: 100, code: 1006, reason: "", cut: false };
    expect(settled(events(), life([1, 2], { closed })).total).toMatchObject({ closed: 3, unexplained: 0 });
    expect(settled(events(), life([1, 2, 4], { closed })).total).toMatchObject({ closed: 1, unexplained: 1 });
  });

  it("does not let a close hide the loss of one publisher when another one's later event came", () => {
    const closed = { at: 100, code: 1006, reason: "", cut: false };
    const later = { ...(events()[4] as Publication), publisher: 8, n: 1 };
    const one = life([1, 2], { closed });
    one.received.push({ instance: 0, publisher: 8, n: 1 });
    const published = [
      new Map([
        [7, events()],
        [8, [later]],
      ]),
    ];
    const { total } = settle({ ...empty, published, lives: [one] });
    expect(total).toMatchObject({ delivered: 3, closed: 1, unexplained: 2 });
  });

  it("expects nothing that is published while the socket opens or closes", () => {
    expect(settled(events(), life([3, 4, 5], { openedAt: 22 })).total.expected).toBe(3);
    expect(
      settled(events(), life([1, 2, 3], { closed: { at: 42, code: 1001, reason: "", cut: false } })).total.expected,
    ).toBe(3);
  });

  it("counts by the fault that had last begun", () => {
    const faults = [
      { kind: "first", at: 15 },
      { kind: "second", at: 38 },
    ];
    const { byFault } = settled(events(), life([1, 2, 4, 5]), { faults });
    expect([...byFault].map(([kind, { expected, unexplained }]) => [kind, expected, unexplained])).toEqual([
      ["before the first one", 1, 0],
      ["first", 2, 1],
      ["second", 2, 0],
    ]);
  });
});
