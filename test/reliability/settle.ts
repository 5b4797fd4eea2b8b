/**
 * Settles the books: every frame that a connection should have got came once and in order, or something told of its
 * loss. A plain socket is told nothing, so the word to the publisher or in the log of the node counts. A consumer of
 * `eventwire.v1` must have been told itself.
 */

import { closeCatalogue } from "../../gen/closes.js";
import type { Books, Life, Publication } from "./books.js";
import { describe, describeLife, type Reading, readLife } from "./reading.js";

/** Frames, but for `events`. */
export interface Tally {
  events: number;
  expected: number;
  delivered: number;
  /** Missing, and the publisher was told: by an error, by `otherNodesReached: false`, or by the loss of its connection. */
  told: number;
  /** Missing within an interruption that the receiving node logged. */
  interrupted: number;
  /** Missing, and behind the last frame of a connection that saw its close. */
  closed: number;
  /** Missing within the span of a frame `gap`. */
  gap: number;
  /** Missing, and behind the last frame of a connection that was told why it ended. */
  closing: number;
  /** Missing, and behind the last frame of a connection that the driver ended, or whose process was killed. */
  broken: number;
  /** Missing, and the publisher got no answer, because the node ended: nobody knows whether it accepted the event. */
  unanswered: number;
  /** Missing without a `gap`: the publisher was told, but the node was killed before it could tell other nodes. */
  untold: number;
  unexplained: number;
}

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

export const noFault = "before the first one";

/** Of those lives that `of` accepts. */
export function settle(books: Books, of: (life: Life) => boolean = () => true): Settlement {
  const byFault = new Map<string, Tally>();
  const found = {
    duplicates: [] as string[],
    disordered: [] as string[],
    strangers: [] as string[],
    unexplained: [] as string[],
    mistold: [] as string[],
  };

  function rowOf({ startedAt }: Publication): Tally {
    const kind = books.faults[firstIndex(books.faults, ({ at }) => at > startedAt) - 1]?.kind ?? noFault;
    const row = byFault.get(kind) ?? emptyTally();
    byFault.set(kind, row);
    return row;
  }

  for (const publishers of books.published) {
    for (const events of publishers.values()) for (const event of events) rowOf(event).events++;
  }
  for (const life of books.lives.filter(of)) {
    const reading = readLife(life, books, found);
    found.mistold.push(...mistakes(life, books).map((mistake) => `${mistake}: ${describeLife(life)}`));
    for (const event of dueEvents(life, books)) {
      const got = reading.got(event);
      if (!got && !reading.surelyTakes(event)) continue;
      const row = rowOf(event);
      row.expected++;
      const fate = got ? "delivered" : explain(event, life, reading, books);
      row[fate]++;
      if (fate === "unexplained") found.unexplained.push(describe(event, life));
    }
  }
  return { total: sum(byFault.values()), byFault, ...found };
}

/** All that must not be. */
export function violations({ duplicates, disordered, strangers, unexplained, mistold }: Settlement): string[] {
  return [...duplicates, ...disordered, ...strangers, ...unexplained, ...mistold];
}

/** What is published while the connection opens or closes may come or not. */
function* dueEvents({ instance, openedAt, closed, told }: Life, { published }: Books): Generator<Publication> {
  for (const publishers of instance === undefined ? published : [published[instance]]) {
    for (const events of publishers?.values() ?? []) {
      for (let i = firstIndex(events, ({ startedAt }) => startedAt > openedAt); i < events.length; i++) {
        const event = events[i] as Publication;
        if (closed !== undefined && event.startedAt > closed.at) break;
        const isDue = event.wanted && (told === undefined || event.answer !== "error");
        if (isDue && (closed === undefined || event.answeredAt < closed.at)) yield event;
      }
    }
  }
}

function explain(event: Publication, life: Life, reading: Reading, books: Books): keyof Tally {
  return life.told === undefined
    ? explainToAll(event, life, reading, books)
    : explainToConsumer(event, life, reading, books);
}

function explainToAll(event: Publication, life: Life, reading: Reading, books: Books): keyof Tally {
  if (event.answer === "error" || event.answer === "none") return "told";
  // The other two say nothing of sockets that are open on the node itself.
  const elsewhere = isElsewhere(event, life, books);
  if (elsewhere && event.answer === "unreached") return "told";
  if (elsewhere && books.interruptions.some((one) => one.process === life.process && overlaps(one, event)))
    return "interrupted";
  if (life.closed !== undefined && !reading.passed(event)) return "closed";
  return "unexplained";
}

function explainToConsumer(event: Publication, life: Life, reading: Reading, books: Books): keyof Tally {
  const { instance, startedAt, answeredAt, acceptedAt } = event;
  const [earliest, latest] = [acceptedAt ?? startedAt, acceptedAt ?? answeredAt];
  const isCovered = life.told?.gaps.some(
    (gap) => (gap.instance ?? instance) === instance && gap.from <= latest && gap.until >= earliest,
  );
  if (isCovered) return "gap";
  if (life.closed !== undefined && !reading.passed(event)) return reasonOf(life) === undefined ? "broken" : "closing";
  if (!hasDied(event, books)) return "unexplained";
  if (event.answer === "none") return "unanswered";
  return event.answer === "unreached" && isElsewhere(event, life, books) ? "untold" : "unexplained";
}

/** Longest outage of NATS, with the time that a node needs to notice it and to connect again. */
const outageMsMax = 20_000;

/** Whether the node that was given an event may have ended before it answered, or before NATS was back. */
function hasDied({ process, startedAt, answeredAt }: Publication, { deaths }: Books): boolean {
  const until = Math.min(answeredAt, startedAt + outageMsMax) + outageMsMax;
  return deaths.some(({ process: dead, at }) => dead === process && at > startedAt && at < until);
}

function isElsewhere(event: Publication, { process }: Life, { severalWorkers }: Books): boolean {
  return event.process !== process || severalWorkers.has(process);
}

/** What a consumer was told that contradicts the contract, and an end that nothing told it of. */
function mistakes(life: Life, { deaths }: Books): string[] {
  const { told, closed, process, dialledAt } = life;
  if (told === undefined) return [];
  const reason = reasonOf(life);
  const ended = closed !== undefined && !closed.cut;
  const died = deaths.some((death) => death.process === process && death.at >= dialledAt);
  const silent = ended && reason === undefined && !died;
  const otherwise = ended && reason !== undefined && (told.closing ?? reason.code) !== reason.code;
  return [
    ...told.wrong,
    ...(silent ? [`it ended without a reason (${closed.reason})`] : []),
    ...(otherwise ? [`closing said ${told.closing}`] : []),
  ];
}

/** The row of the catalogue that the end of a connection had. */
function reasonOf({ closed }: Life) {
  return Object.values(closeCatalogue).find(
    ({ code, status, reason }) => closed?.reason === reason && (closed.code === code || closed.code === status),
  );
}

function overlaps(span: { from: number; until: number }, { startedAt, answeredAt }: Publication): boolean {
  return span.from <= answeredAt && span.until >= startedAt;
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

function emptyTally(): Tally {
  return {
    events: 0,
    expected: 0,
    delivered: 0,
    told: 0,
    interrupted: 0,
    closed: 0,
    gap: 0,
    closing: 0,
    broken: 0,
    unanswered: 0,
    untold: 0,
    unexplained: 0,
  };
}

function sum(tallies: Iterable<Tally>): Tally {
  const total = emptyTally();
  for (const tally of tallies) {
    for (const key of Object.keys(total) as (keyof Tally)[]) total[key] += tally[key];
  }
  return total;
}
