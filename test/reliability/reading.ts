/** Goes through the frames of one connection: notes the faults in them, and says what follows for an event that is missing. */

import { eventTypeBit } from "../../src/domain/event-type.js";
import type { Books, FilterTold, Life, Publication } from "./books.js";

export interface Wrong {
  readonly duplicates: string[];
  readonly disordered: string[];
  /** Frames that the connection should never have got: filtered out, refused with an error, or published nowhere. */
  readonly strangers: string[];
}

export interface Reading {
  got(event: Publication): boolean;
  /** Whether the connection has got something that must have come behind the event. */
  passed(event: Publication): boolean;
  /** Whether every filter takes the event that can have been in force when the event should have come. */
  surelyTakes(event: Publication): boolean;
}

/** The events of one publisher and instance that came. */
interface Series {
  /** In the order of their arrival. */
  readonly events: Publication[];
  /** By number of the event: the index of the filter that was in force. */
  readonly filters: Map<number, number>;
  last: number;
  /** The connection of the publisher that brought `last`. */
  connection: number;
}

export function readLife(life: Life, books: Books, wrong: Wrong): Reading {
  const { severalWorkers, published } = books;
  const filters = life.told?.filters ?? [];
  const series = new Map<string, Series>();
  /** By the process that the event was given to, and the instance. */
  const latestStart = new Map<string, number>();
  let filter = 0;
  for (const [index, { instance, publisher, n }] of life.received.entries()) {
    while (index >= (filters[filter + 1]?.after ?? Number.POSITIVE_INFINITY)) filter++;
    const event = published[instance]?.get(publisher)?.[n - 1];
    if (event === undefined || (life.instance ?? instance) !== instance) {
      wrong.strangers.push(
        `number ${n} of publisher ${publisher} on instance ${instance}, on one of instance ${life.instance}`,
      );
      continue;
    }
    if (!takesAt(event, filters[filter]) || event.answer === "error") wrong.strangers.push(describe(event, life));
    const mine = seriesOf(series, event);
    if (mine.filters.has(n)) wrong.duplicates.push(describe(event, life));
    else if (n < mine.last && !mayBeLate(event, mine.connection, severalWorkers))
      wrong.disordered.push(`${describe(event, life)}, behind ${mine.last}`);
    mine.events.push(event);
    mine.filters.set(n, filter);
    if (n > mine.last) Object.assign(mine, { last: n, connection: event.connection });
    const source = sourceOf(event);
    latestStart.set(source, Math.max(latestStart.get(source) ?? 0, event.startedAt));
  }

  return {
    got: (event) => series.get(seriesName(event))?.filters.has(event.n) === true,
    passed: (event) =>
      (series.get(seriesName(event))?.last ?? 0) > event.n ||
      (!severalWorkers.has(event.process) && (latestStart.get(sourceOf(event)) ?? 0) > event.answeredAt),
    surelyTakes(event) {
      if (filters.length < 2) return takesAt(event, filters[0]);
      const { events, filters: at } = seriesOf(series, event);
      const precedes = (one: Publication, next: Publication) =>
        one.n < next.n && !mayBeLate(one, next.connection, severalWorkers);
      const before = events.findLast((one) => precedes(one, event));
      const after = events.find((one) => precedes(event, one));
      const told = filters.findLastIndex((one) => one.at < event.startedAt);
      const first = Math.max(told, before === undefined ? 0 : (at.get(before.n) as number));
      const last = after === undefined ? filters.length - 1 : (at.get(after.n) as number);
      return filters.slice(first, last + 1).every((one) => takesAt(event, one));
    },
  };
}

/** Whether the last filter that a connection was told takes the event. */
export function mayTake({ instance, told }: Life, event: Publication): boolean {
  return (instance ?? event.instance) === event.instance && takesAt(event, told?.filters.at(-1));
}

/** A plain socket has no filter of its own, and gets what the instance's filter takes. */
function takesAt({ wanted, type }: Publication, filter: FilterTold | undefined): boolean {
  return wanted && (filter === undefined || (filter.types & (eventTypeBit.get(type) as number)) !== 0);
}

/**
 * Whether an event may come after a later one of its publisher. The next call can have gone to another worker, which hands
 * it to its own sockets while NATS still has this one. And a node goes on publishing what it has read from a stream that it
 * has ended with an error, while the publisher goes on with another stream.
 */
function mayBeLate(
  { process, answer, connection }: Publication,
  later: number,
  severalWorkers: ReadonlySet<number>,
): boolean {
  if (answer === "unstored" && connection !== later) return true;
  return severalWorkers.has(process) && answer !== "ok";
}

function seriesOf(series: Map<string, Series>, event: Publication): Series {
  const name = seriesName(event);
  const mine = series.get(name) ?? { events: [], filters: new Map(), last: 0, connection: event.connection };
  series.set(name, mine);
  return mine;
}

function seriesName({ instance, publisher }: Publication): string {
  return `${instance} ${publisher}`;
}

function sourceOf({ process, instance }: Publication): string {
  return `${process} ${instance}`;
}

export function describe(event: Publication, life: Life): string {
  const { publisher, n, instance, type, process, answer, startedAt, acceptedAt, answeredAt } = event;
  return (
    `number ${n} of publisher ${publisher} on instance ${instance}, ${type}, given to process ${process} ` +
    `${time(startedAt)}–${time(answeredAt)}, accepted ${time(acceptedAt)} (${answer}); ${describeLife(life)}`
  );
}

export function describeLife({ kind, process, instance, openedAt, closed, told }: Life): string {
  const end = closed === undefined ? "open to the end" : `ended at ${time(closed.at)} with ${closed.code}`;
  const gaps = told?.gaps.map(({ from, until, instance: of }) => `${time(from)}–${time(until)} of ${of ?? "all"}`);
  return (
    `${kind} of process ${process} on instance ${instance ?? "(all)"}, open from ${time(openedAt)}, ${end}` +
    (gaps === undefined ? "" : `, gaps: ${gaps.join(", ") || "none"}`)
  );
}

function time(at = Number.NaN): string {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(11, 23) : "never";
}
