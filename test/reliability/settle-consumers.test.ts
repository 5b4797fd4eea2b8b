/** What the ledger demands for a consumer of `eventwire.v1`: the consumer itself must have been told. */

import { describe, expect, it } from "vitest";
import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import type { Books, Life, Publication, Receipt, Told } from "./books.js";
import { bitsOf, nothingTold } from "./lives.js";
import { settle, violations } from "./settle.js";

const [first, second] = eventTypes as unknown as [EventType, EventType];

/** Numbers 1 to 5 of publisher 7, given to process 1 at the times 10, 20, …, accepted 1 ms and answered 5 ms later. */
function events(change: (event: Publication) => Partial<Publication> = () => ({})): Publication[] {
  return [1, 2, 3, 4, 5].map((n) => {
    const event: Publication = {
      publisher: 7,
      n,
      instance: 0,
      type: n === 3 ? second : first,
      wanted: true,
      process: 1,
      connection: 1,
      startedAt: n * 10,
      acceptedAt: n * 10 + 1,
      answeredAt: n * 10 + 5,
      answer: "ok",
    };
    return { ...event, ...change(event) };
  });
}

const third = (more: Partial<Publication>) => events(({ n }) => (n === 3 ? more : {}));
const receipts = (numbers: readonly number[], instance = 0): Receipt[] =>
  numbers.map((n) => ({ instance, publisher: 7, n }));

/** Of a consumer on process 2 that is open from the begin and takes everything. */
function consumer(numbers: readonly number[], told: Partial<Told> = {}, more: Partial<Life> = {}): Life {
  return {
    kind: "gRPC",
    instance: 0,
    process: 2,
    dialledAt: 0,
    openedAt: 0,
    received: receipts(numbers),
    closed: undefined,
    told: {
      ...nothingTold(),
      filters: [{ types: bitsOf([]), after: 0, at: 0 }],
      ...told,
    },
    ...more,
  };
}

const empty = { resuming: [], interruptions: [], deaths: [], severalWorkers: new Set<number>(), faults: [] };

function settled(published: Publication[], life: Life, more: Partial<Books> = {}) {
  return settle({ ...empty, published: [new Map([[7, published]])], lives: [life], ...more });
}

const ofBus = { reason: "bus_interrupted" };
const slow = { at: 100, code: 4008, reason: "slow consumer", cut: false };
const broken = { at: 100, code: 1006, reason: "", cut: false };

describe("the ledger, of a consumer of eventwire.v1", () => {
  it("is satisfied with everything, once and in order", () => {
    const settlement = settled(events(), consumer([1, 2, 3, 4, 5]));
    expect(settlement.total).toMatchObject({ expected: 5, delivered: 5 });
    expect(violations(settlement)).toEqual([]);
  });

  it("does not take for a word to the consumer what the publisher or the log was told", () => {
    const interruptions = [{ process: 2, reason: "", from: 0, until: 100 }];
    const { total } = settled(third({ answer: "unreached" }), consumer([1, 2, 4, 5]), { interruptions });
    expect(total).toMatchObject({ delivered: 4, unexplained: 1 });
  });

  it.each([
    { from: 31, until: 31, instance: 0, gap: 1 },
    { from: 31, until: 40, instance: undefined, gap: 1 },
    { from: 32, until: 40, instance: 0, gap: 0 },
    { from: 0, until: 30, instance: 0, gap: 0 },
    { from: 0, until: 100, instance: 1, gap: 0 },
  ])(
    "takes a gap for what was accepted within it, on its instance: $from to $until of $instance",
    ({ gap, ...span }) => {
      const { total } = settled(events(), consumer([1, 2, 4, 5], { gaps: [{ ...ofBus, process: 2, ...span }] }));
      expect(total).toMatchObject({ gap, unexplained: 1 - gap });
    },
  );

  it("takes no gap of the bus for an event that the consumer's own node accepted, but one of the history", () => {
    const own = (reason: string) =>
      consumer([1, 2, 4, 5], { gaps: [{ reason, process: 1, from: 0, until: 100, instance: 0 }] }, { process: 1 });
    expect(settled(events(), own("bus_lost")).total).toMatchObject({ gap: 0, unexplained: 1 });
    expect(settled(events(), own("history_interrupted")).total).toMatchObject({ gap: 1, unexplained: 0 });
  });

  it("lets a node that is killed soon keep what it could not tell", () => {
    const unreached = third({ answer: "unreached" });
    const untold = (process: number, at: number) =>
      settled(unreached, consumer([1, 2, 4, 5]), { deaths: [{ process, at, goneAt: at }] }).total.untold;
    expect([untold(1, 60), untold(2, 60), untold(1, 20), untold(1, 60_000)]).toEqual([1, 0, 0, 0]);
  });

  it("takes no answer for an excuse only when the node ended or nobody got the event, and expects nothing of a refused event", () => {
    const unanswered = third({ answer: "none", answeredAt: Number.POSITIVE_INFINITY });
    const deaths = [{ process: 1, at: 60, goneAt: 60 }];
    expect(settled(unanswered, consumer([1, 2, 4, 5]), { deaths }).total.unanswered).toBe(1);
    const dying = [{ process: 1, at: 20, goneAt: 60 }];
    expect(settled(unanswered, consumer([1, 2, 4, 5]), { deaths: dying }).total.unanswered).toBe(1);
    expect(settled(unanswered, consumer([1, 2, 4, 5])).total.unanswered).toBe(1);
    const [missed, got] = [consumer([1, 2, 4, 5]), consumer([1, 2, 3, 4, 5])];
    expect(settled(unanswered, missed, { lives: [missed, got] }).total.unexplained).toBe(1);
    expect(settled(third({ answer: "error" }), consumer([1, 2, 4, 5])).total).toMatchObject({ expected: 4 });
    expect(settled(third({ answer: "error" }), consumer([1, 2, 3, 4, 5])).strangers).toHaveLength(1);
  });

  it("takes an end with a reason of the catalogue for what is behind the last frame, and for nothing before", () => {
    const { total } = settled(events(), consumer([1, 2], { closing: 4008 }, { closed: slow }));
    expect(total).toMatchObject({ closing: 3, unexplained: 0 });
    expect(settled(events(), consumer([1, 2, 4], {}, { closed: slow })).total).toMatchObject({
      closing: 1,
      unexplained: 1,
    });
    const status = { ...slow, code: "resource_exhausted" };
    expect(settled(events(), consumer([1, 2], {}, { closed: status })).total.closing).toBe(3);
  });

  it("finds an end without a reason, unless the driver cut the connection or the process was killed", () => {
    const mistold = (closed: Life["closed"], deaths: Books["deaths"] = []) =>
      settled(events(), consumer([1, 2, 3, 4, 5], {}, { closed }), { deaths }).mistold.length;
    expect(mistold(broken)).toBe(1);
    expect(mistold({ ...slow, reason: "Received message larger than max" })).toBe(1);
    expect(mistold({ ...broken, cut: true })).toBe(0);
    expect(mistold(broken, [{ process: 2, at: 90, goneAt: 95 }])).toBe(0);
    expect(mistold(broken, [{ process: 1, at: 90, goneAt: 95 }])).toBe(1);
  });

  it("finds a closing that says something else than the close, and what the driver saw to be wrong", () => {
    expect(settled(events(), consumer([1, 2, 3, 4, 5], { closing: 1001 }, { closed: slow })).mistold).toHaveLength(1);
    expect(settled(events(), consumer([1, 2, 3, 4, 5], { wrong: ["a second hello"] })).mistold).toHaveLength(1);
  });

  it("holds each event to the filter that was in force between its neighbours", () => {
    const narrow = (after: number, types = bitsOf([first])) => [
      { types: bitsOf([]), after: 0, at: 0 },
      { types, after, at: 200 },
    ];
    // The third event is the only one of its type.
    expect(settled(events(), consumer([1, 2, 4, 5], { filters: narrow(2) })).total).toMatchObject({ expected: 4 });
    expect(settled(events(), consumer([1, 2, 4, 5], { filters: narrow(3) })).total.unexplained).toBe(1);
    expect(settled(events(), consumer([1, 2, 3, 4, 5], { filters: narrow(2) })).strangers).toHaveLength(1);
    expect(settled(events(), consumer([1, 2, 3, 4, 5], { filters: narrow(3) })).strangers).toEqual([]);
    expect(settled(events(), consumer([3], { filters: narrow(0, bitsOf([second])) })).total).toMatchObject({
      expected: 1,
      delivered: 1,
    });
  });

  it("does not count a late event of an ended stream as a neighbour of the next stream's events", () => {
    // Event 2 comes late, under the new filter. Event 3 was due under the old filter, which does not take it.
    const filters = [
      { types: bitsOf([first]), after: 0, at: 0 },
      { types: bitsOf([]), after: 2, at: 200 },
    ];
    const expected = (answer: Publication["answer"]) => {
      const published = events(({ n }) => (n === 2 ? { answer } : { connection: 2 }));
      return settled(published, consumer([1, 4, 2, 5], { filters })).total.unexplained;
    };
    expect([expected("unstored"), expected("ok")]).toEqual([0, 1]);
  });

  it("expects an event that began after the consumer was told its filter", () => {
    const filters = [
      { types: bitsOf([first]), after: 0, at: 0 },
      { types: bitsOf([]), after: 2, at: 25 },
    ];
    expect(settled(events(), consumer([1, 2, 4, 5], { filters })).total.unexplained).toBe(1);
  });

  it("settles all instances of an account on one connection", () => {
    const others = events(() => ({ instance: 1 }));
    const published = [new Map([[7, events()]]), new Map([[7, others]])];
    const settleAll = (received: Receipt[]) =>
      settle({ ...empty, published, lives: [consumer([], {}, { instance: undefined, received })] });
    const all = [1, 2, 3, 4, 5];
    expect(settleAll([...receipts(all), ...receipts(all, 1)]).total).toMatchObject({ expected: 10, delivered: 10 });
    expect(settleAll([...receipts(all), ...receipts([1, 2, 4, 5], 1)]).total.unexplained).toBe(1);
  });
});
