/** What the ledger demands for a consumer that goes on after its last position, over all its connections. */

import { describe, expect, it } from "vitest";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import type { Books, GapTold, Life, Publication, Told } from "./books.js";
import { bitsOf, nothingTold } from "./lives.js";
import { settleResuming, violations } from "./settle.js";

const [first, second] = eventTypes as unknown as [EventType, EventType];

/** Numbers 1 to 9 of publisher 7, given to process 1 at the times 10, 20, …, accepted 1 ms and answered 5 ms later. */
function events(change: (event: Publication) => Partial<Publication> = () => ({})): Publication[] {
  return [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => {
    const event: Publication = {
      publisher: 7,
      connection: 1,
      n,
      instance: 0,
      type: n === 5 ? second : first,
      wanted: true,
      process: 1,
      startedAt: n * 10,
      acceptedAt: n * 10 + 1,
      answeredAt: n * 10 + 5,
      answer: "ok",
    };
    return { ...event, ...change(event) };
  });
}

const all = { types: bitsOf([]), after: 0, at: 0 };

/** A connection to process 2 from one time to another, over which these events came. */
function connection(openedAt: number, until: number | undefined, numbers: number[], told: Partial<Told> = {}): Life {
  return {
    kind: "gRPC",
    instance: 0,
    process: 2,
    dialledAt: openedAt,
    openedAt,
    received: numbers.map((n) => ({ instance: 0, publisher: 7, n })),
    closed: until === undefined ? undefined : { at: until, code: 1006, reason: "", cut: true },
    told: {
      ...nothingTold(),
      filters: [{ ...all, at: openedAt }],
      ...told,
    },
  };
}

const gap = (from: number, until: number, more: Partial<GapTold> = {}): GapTold => ({
  reason: "history_expired",
  process: 2,
  from,
  until,
  instance: 0,
  ...more,
});

function settled(lives: readonly Life[], published = events(), more: Partial<Books> = {}) {
  return settleResuming({
    published: [new Map([[7, published]])],
    lives,
    resuming: [lives],
    interruptions: [],
    deaths: [],
    severalWorkers: new Set<number>(),
    faults: [],
    ...more,
  });
}

const opening = connection(0, 35, [1, 2, 3]);
const goesOn = (numbers: number[], told: Partial<Told> = {}) =>
  connection(52, undefined, numbers, { resumed: true, ...told });

describe("the ledger, of a consumer that goes on", () => {
  it("is satisfied when each event came once and in order over the connections", () => {
    const settlement = settled([opening, connection(37, 61, [4, 5], { resumed: true }), goesOn([6, 7, 8, 9])]);
    expect(settlement.total).toMatchObject({ expected: 9, delivered: 9 });
    expect(violations(settlement)).toEqual([]);
  });

  it("finds what came on none of the connections, or on two of them", () => {
    expect(settled([opening, goesOn([5, 6, 7, 8, 9])]).unexplained).toHaveLength(1);
    expect(settled([opening, goesOn([3, 4, 5, 6, 7, 8, 9])]).duplicates).toHaveLength(1);
    expect(settled([opening, goesOn([5, 4, 6, 7, 8, 9])]).disordered).toHaveLength(1);
    expect(settled([opening, goesOn([5, 6, 7, 8, 9], { gaps: [gap(41, 41)] })]).total).toMatchObject({ gap: 1 });
  });

  it("takes a refused resume for what was accepted within its gap, and for nothing else", () => {
    const refused = (gaps: GapTold[], numbers = [6, 7, 8, 9]) =>
      settled([opening, connection(58, undefined, numbers, { resumed: false, gaps })]);
    expect(refused([gap(0, 56)]).total).toMatchObject({ delivered: 7, refused: 2, unexplained: 0 });
    expect(refused([gap(42, 56)]).total).toMatchObject({ refused: 1, unexplained: 1 });
    expect(refused([gap(0, 48)]).total).toMatchObject({ refused: 1, unexplained: 1 });
    expect(refused([gap(0, 56, { instance: 1 })]).total).toMatchObject({ refused: 0, unexplained: 2 });
    // The hello alone came.
    expect(refused([]).total).toMatchObject({ refused: 2, unexplained: 0 });
  });

  it("takes no refused resume for an event before the last frame of the old connection", () => {
    const refused = connection(58, undefined, [6, 7, 8, 9], { resumed: false, gaps: [gap(0, 56)] });
    expect(settled([connection(0, 35, [1, 3]), refused]).total).toMatchObject({ refused: 2, unexplained: 1 });
  });

  it("lets a consumer without a position miss what came between its connections", () => {
    const lives = [opening, connection(58, undefined, [6, 7, 8, 9])];
    expect(settled(lives).total).toMatchObject({ delivered: 7, unplaced: 2, unexplained: 0 });
    expect(settled([connection(0, 35, [1, 3]), ...lives.slice(1)]).unexplained).toHaveLength(1);
  });

  it("takes a gap that the consumer was told on a later connection", () => {
    const later = connection(95, undefined, [], { gaps: [gap(41, 41, { reason: "history_interrupted" })] });
    expect(settled([opening, connection(52, 92, [5, 6, 7, 8, 9], { resumed: true }), later]).total.gap).toBe(1);
  });

  it("holds what came between two connections to the filter of the second", () => {
    const narrow = { types: bitsOf([first]), after: 0 };
    const before = connection(0, 35, [1, 2, 3], { filters: [{ ...narrow, at: 0 }] });
    expect(settled([before, goesOn([4, 6, 7, 8, 9])]).unexplained).toHaveLength(1);
    const narrowed = { filters: [{ ...narrow, at: 52 }] };
    expect(settled([opening, goesOn([4, 6, 7, 8, 9], narrowed)]).total).toMatchObject({ expected: 8, unexplained: 0 });
    expect(settled([opening, goesOn([4, 5, 6, 7, 8, 9], narrowed)]).strangers).toHaveLength(1);
  });

  it("lets the bus lose only events of other nodes, and the history any", () => {
    const told = (more: Partial<GapTold>) => goesOn([5, 6, 7, 8, 9], { gaps: [gap(41, 41, more)] });
    const missing = (more: Partial<GapTold>) => settled([opening, told(more)]).total.unexplained;
    expect(missing({ reason: "bus_interrupted", process: 2 })).toBe(0);
    expect(missing({ reason: "bus_interrupted", process: 1 })).toBe(1);
    expect(missing({ reason: "history_interrupted", process: 1 })).toBe(0);
  });

  it("expects nothing that a node has taken to its grave", () => {
    const unreached = events(({ n }) => (n === 4 ? { answer: "unreached" } : {}));
    const deaths = [{ process: 1, at: 60, goneAt: 60 }];
    expect(settled([opening, goesOn([5, 6, 7, 8, 9])], unreached, { deaths }).total.untold).toBe(1);
    expect(settled([opening, goesOn([5, 6, 7, 8, 9])], unreached).total.unexplained).toBe(1);
  });
});
