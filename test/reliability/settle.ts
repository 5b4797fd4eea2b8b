/** Settles the books: every frame that a socket should have got came once and in order, or something told of its loss. */

import type { Books, Life, Publication } from "./books.js";

/** Frames, but for `events`. */
export interface Tally {
  events: number;
  expected: number;
  delivered: number;
  /** Missing, and the publisher was told: by an error, by `otherNodesReached: false`, or by the loss of its connection. */
  told: number;
  /** Missing within an interruption that the receiving node logged. */
  interrupted: number;
  /** Missing, and behind the last frame of a socket that saw its close. */
  closed: number;
  unexplained: number;
}

export interface Settlement {
  readonly total: Tally;
  /** By the fault that had last begun when the event was published. */
  readonly byFault: ReadonlyMap<string, Tally>;
  readonly duplicates: readonly string[];
  readonly disordered: readonly string[];
  /** Frames that the socket should never have got: of another instance, filtered out, or refused with an error. */
  readonly strangers: readonly string[];
  readonly unexplained: readonly string[];
}

export const noFault = "before the first one";

export function settle(books: Books): Settlement {
  const byFault = new Map<string, Tally>();
  const found = {
    duplicates: [] as string[],
    disordered: [] as string[],
    strangers: [] as string[],
    unexplained: [] as string[],
  };

  function rowOf({ startedAt }: Publication): Tally {
    const kind = books.faults.findLast(({ at }) => at <= startedAt)?.kind ?? noFault;
    const row = byFault.get(kind) ?? emptyTally();
    byFault.set(kind, row);
    return row;
  }

  for (const publishers of books.published) {
    for (const events of publishers.values()) for (const event of events) rowOf(event).events++;
  }
  for (const life of books.lives) {
    const publishers = books.published[life.instance] ?? new Map<number, readonly Publication[]>();
    const reading = readLife(life, publishers, books.severalWorkers, found);
    for (const [publisher, events] of publishers) {
      for (const event of events) {
        if (!isDue(event, life)) continue;
        const row = rowOf(event);
        row.expected++;
        const fate = reading.got(publisher, event.n) ? "delivered" : explain(event, life, reading, books);
        row[fate]++;
        if (fate === "unexplained") found.unexplained.push(describe(event, life));
      }
    }
  }
  return { total: sum(byFault.values()), byFault, ...found };
}

interface Reading {
  got(publisher: number, n: number): boolean;
  /** Whether the socket has got something that must have come behind the event. */
  passed(event: Publication): boolean;
}

/** Goes through what a socket got, and notes what is wrong in itself. */
function readLife(
  life: Life,
  publishers: ReadonlyMap<number, readonly Publication[]>,
  severalWorkers: ReadonlySet<number>,
  found: Record<"duplicates" | "disordered" | "strangers", string[]>,
): Reading {
  const seen = new Map<number, { numbers: Set<number>; last: number }>();
  /** By the process that the event was given to. */
  const latestStart = new Map<number, number>();
  for (const { publisher, n } of life.received) {
    const event = publishers.get(publisher)?.[n - 1];
    if (event === undefined) {
      found.strangers.push(
        `number ${n} of publisher ${publisher}, on instance ${life.instance}: never published there`,
      );
      continue;
    }
    if (!event.wanted || event.answer === "error") found.strangers.push(describe(event, life));
    const mine = seen.get(publisher) ?? { numbers: new Set(), last: 0 };
    seen.set(publisher, mine);
    if (mine.numbers.has(n)) found.duplicates.push(describe(event, life));
    else if (n < mine.last && !mayBeLate(event, severalWorkers))
      found.disordered.push(`${describe(event, life)}, behind ${mine.last}`);
    mine.numbers.add(n);
    mine.last = Math.max(mine.last, n);
    latestStart.set(event.process, Math.max(latestStart.get(event.process) ?? 0, event.startedAt));
  }
  return {
    got: (publisher, n) => seen.get(publisher)?.numbers.has(n) === true,
    passed: ({ publisher, n, process, answeredAt }) =>
      (seen.get(publisher)?.last ?? 0) > n ||
      (!severalWorkers.has(process) && (latestStart.get(process) ?? 0) > answeredAt),
  };
}

/** The next call can have gone to another worker, which hands it to its own sockets while NATS still has this one. */
function mayBeLate({ process, answer }: Publication, severalWorkers: ReadonlySet<number>): boolean {
  return severalWorkers.has(process) && answer !== "ok";
}

/** What is published while the socket opens or closes may come or not. */
function isDue(event: Publication, { openedAt, closed }: Life): boolean {
  return event.wanted && event.startedAt > openedAt && (closed === undefined || event.answeredAt < closed.at);
}

function explain(event: Publication, life: Life, reading: Reading, books: Books): keyof Tally {
  if (event.answer === "error" || event.answer === "none") return "told";
  // The other two say nothing of sockets that are open on the node itself.
  const elsewhere = event.process !== life.process || books.severalWorkers.has(life.process);
  if (elsewhere && event.answer === "unreached") return "told";
  if (elsewhere && books.interruptions.some((one) => one.process === life.process && overlaps(one, event)))
    return "interrupted";
  if (life.closed !== undefined && !reading.passed(event)) return "closed";
  return "unexplained";
}

function overlaps(span: { from: number; until: number }, { startedAt, answeredAt }: Publication): boolean {
  return span.from <= answeredAt && span.until >= startedAt;
}

function describe(event: Publication, life: Life): string {
  const { publisher, n, instance, process, answer, startedAt, answeredAt } = event;
  const { openedAt, closed } = life;
  const end = closed === undefined ? "open to the end" : `closed at ${time(closed.at)} with ${closed.code}`;
  return (
    `number ${n} of publisher ${publisher} on instance ${instance}, given to process ${process} ` +
    `${time(startedAt)}–${time(answeredAt)} (${answer}); socket of process ${life.process}, ` +
    `open from ${time(openedAt)}, ${end}`
  );
}

function time(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(11, 23) : "never";
}

function emptyTally(): Tally {
  return { events: 0, expected: 0, delivered: 0, told: 0, interrupted: 0, closed: 0, unexplained: 0 };
}

function sum(tallies: Iterable<Tally>): Tally {
  const total = emptyTally();
  for (const tally of tallies) {
    for (const key of Object.keys(total) as (keyof Tally)[]) total[key] += tally[key];
  }
  return total;
}
