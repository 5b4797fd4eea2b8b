/** Settles the books: every frame that a connection should have got came once and in order, or its loss is explained. */

import type { Books, Fault, Life, Publication } from "./books.js";
import { type Chain, chainsOf } from "./chains.js";
import { explain, explainToResuming, mistakes } from "./explanations.js";
import { describe, describeLife, type Reading, readLife } from "./reading.js";
import { emptyTally, type Fate, sum, type Tally } from "./tally.js";

export interface Settlement {
  readonly total: Tally;
  /** By the fault that had last begun when the event was published. */
  readonly byFault: ReadonlyMap<string, Tally>;
  readonly duplicates: readonly string[];
  readonly disordered: readonly string[];
  /** Frames that the connection should never have got: of another instance, filtered out, or refused with an error. */
  readonly strangers: readonly string[];
  readonly unexplained: readonly string[];
  /** Consumers of `eventwire.v1` that were told something wrong, or whose connection ended without a reason. */
  readonly mistold: readonly string[];
}

const noFault = "before the first one";

/** Settles the lives that `of` accepts, each alone. */
export function settle(books: Books, of: (life: Life) => boolean = () => true): Settlement {
  return settleAll(books, books.lives.filter(of), explain, (life) => mistakes(life, books));
}

/** Settles the consumers that go on after their last position, each over all its connections. */
export function settleResuming(books: Books): Settlement {
  return settleAll<Chain>(books, books.resuming.flatMap(chainsOf), explainToResuming, () => []);
}

/** `excuse` says what a missing frame counts as, and `mistakesOf` what else is wrong. */
function settleAll<L extends Life>(
  books: Books,
  lives: readonly L[],
  excuse: (event: Publication, life: L, reading: Reading, books: Books) => Fate,
  mistakesOf: (life: L) => readonly string[],
): Settlement {
  const byFault = new Map<string, Tally>();
  const found = {
    duplicates: [] as string[],
    disordered: [] as string[],
    strangers: [] as string[],
    unexplained: [] as string[],
    mistold: [] as string[],
  };

  function rowOf({ startedAt }: Publication): Tally {
    const kind = faultBefore(books.faults, startedAt);
    const row = byFault.get(kind) ?? emptyTally();
    byFault.set(kind, row);
    return row;
  }

  for (const publishers of books.published) {
    for (const events of publishers.values()) for (const event of events) rowOf(event).events++;
  }
  for (const life of lives) {
    const reading = readLife(life, books, found);
    found.mistold.push(...mistakesOf(life).map((mistake) => `${mistake}: ${describeLife(life)}`));
    for (const event of dueEvents(life, books)) {
      const got = reading.got(event);
      if (!got && !reading.surelyTakes(event)) continue;
      const row = rowOf(event);
      row.expected++;
      const fate = got ? "delivered" : excuse(event, life, reading, books);
      row[fate]++;
      if (fate === "unexplained") found.unexplained.push(describe(event, life));
    }
  }
  return { total: sum(byFault.values()), byFault, ...found };
}

/** All that must not be. */
export function violations({ duplicates, disordered, strangers, unexplained, mistold }: Settlement): string[] {
  const label = (what: string, found: readonly string[]) => found.map((one) => `${what}: ${one}`);
  return [
    ...label("twice", duplicates),
    ...label("out of order", disordered),
    ...label("never due", strangers),
    ...label("missing", unexplained),
    ...label("mistold", mistold),
  ];
}

/** What is published while the connection opens or closes may come or not. */
function* dueEvents({ instance, openedAt, closed, told }: Life, { published }: Books): Generator<Publication> {
  for (const publishers of instance === undefined ? published : [published[instance]]) {
    for (const events of publishers?.values() ?? []) {
      for (let i = firstIndex(events, ({ startedAt }) => startedAt > openedAt); i < events.length; i++) {
        const event = events[i] as Publication;
        if (closed !== undefined && event.startedAt > closed.at) break;
        const isRefused = event.answer === "error" || event.answer === "unstored";
        const isDue = event.wanted && (told === undefined || !isRefused);
        if (isDue && (closed === undefined || event.answeredAt < closed.at)) yield event;
      }
    }
  }
}

/** The kind of the fault that had last begun then. */
export function faultBefore(faults: readonly Fault[], time: number): string {
  return faults[firstIndex(faults, ({ at }) => at > time) - 1]?.kind ?? noFault;
}

/** Of a list in which it holds from some index on. */
function firstIndex<T>(list: readonly T[], holds: (one: T) => boolean): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(list[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
