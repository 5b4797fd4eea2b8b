/**
 * The excuses for a missing frame. A plain socket is told nothing, so what the publisher was told counts, and what the
 * node logged. A consumer of `eventwire.v1` must have been told itself.
 */

import { closeCatalogue } from "../../gen/closes.js";
import type { Books, GapTold, Life, Publication } from "./books.js";
import type { Chain } from "./chains.js";
import type { Reading } from "./reading.js";
import type { Fate } from "./tally.js";

/** What a missing frame counts as: the excuse that there is, or `unexplained`. */
export function explain(event: Publication, life: Life, reading: Reading, books: Books): Fate {
  return life.told === undefined
    ? explainToAll(event, life, reading, books)
    : explainToConsumer(event, life, reading, books);
}

function explainToAll(event: Publication, life: Life, reading: Reading, books: Books): Fate {
  if (event.answer === "error" || event.answer === "unstored" || event.answer === "none") return "told";
  // The other two say nothing of sockets that are open on the node itself.
  const elsewhere = isElsewhere(event, life.process, books);
  if (elsewhere && event.answer === "unreached") return "told";
  if (elsewhere && books.interruptions.some((one) => one.process === life.process && overlaps(one, event)))
    return "interrupted";
  if (life.closed !== undefined && !reading.passed(event)) return "closed";
  return "unexplained";
}

function explainToConsumer(event: Publication, life: Life, reading: Reading, books: Books): Fate {
  if (life.told?.gaps.some((gap) => covers(gap, event, books))) return "gap";
  if (life.closed !== undefined && !reading.passed(event)) return reasonOf(life) === undefined ? "broken" : "closing";
  return explainByDeath(event, [life], books);
}

/** Over all connections of a chain, where an end is no excuse unless the consumer could not go on after it. */
export function explainToResuming(event: Publication, chain: Chain, reading: Reading, books: Books): Fate {
  const { told, later, end, parts } = chain;
  if ([...told.gaps, ...later].some((gap) => covers(gap, event, books))) return "gap";
  if (end !== undefined && !reading.passed(event)) {
    if (end === "no position") return "unplaced";
    if (covers(end, event, books)) return "refused";
  }
  return explainByDeath(event, parts, books);
}

const busReasons: readonly string[] = ["bus_interrupted", "bus_lost"];

/** Whether an event was accepted within a gap. The bus can lose only events of other nodes; the history can lose any. */
function covers(gap: GapTold, event: Publication, books: Books): boolean {
  const { instance, startedAt, answeredAt, acceptedAt } = event;
  const [earliest, latest] = [acceptedAt ?? startedAt, acceptedAt ?? answeredAt];
  if ((gap.instance ?? instance) !== instance || gap.from > latest || gap.until < earliest) return false;
  return !busReasons.includes(gap.reason) || isElsewhere(event, gap.process, books);
}

/** What an event counts as that nobody was told of: the node that accepted it may have died before it could tell. */
function explainByDeath(event: Publication, lives: readonly Life[], books: Books): Fate {
  // When the call broke and nobody got the event, the node may not have accepted it.
  if (event.answer === "none" && !gotBySomebody(books).has(event)) return "unanswered";
  if (!hasDied(event, books)) return "unexplained";
  if (event.answer === "none") return "unanswered";
  const elsewhere = lives.some(({ process }) => isElsewhere(event, process, books));
  return event.answer === "unreached" && elsewhere ? "untold" : "unexplained";
}

const gotBooks = new WeakMap<Books, ReadonlySet<Publication>>();

/** The events that at least one connection got. */
function gotBySomebody(books: Books): ReadonlySet<Publication> {
  const known = gotBooks.get(books);
  if (known !== undefined) return known;
  const got = new Set<Publication>();
  gotBooks.set(books, got);
  for (const { received } of books.lives)
    for (const { instance, publisher, n } of received) {
      const event = books.published[instance]?.get(publisher)?.[n - 1];
      if (event !== undefined) got.add(event);
    }
  return got;
}

/** Longest outage of NATS, with the time that a node needs to notice it and to connect again. */
const outageMsMax = 20_000;

/** Whether the node that was given an event may have ended before it answered, or before NATS was back. */
function hasDied({ process, startedAt, answeredAt }: Publication, { deaths }: Books): boolean {
  const until = Math.min(answeredAt, startedAt + outageMsMax) + outageMsMax;
  return deaths.some(({ process: dead, at, goneAt }) => dead === process && goneAt > startedAt && at < until);
}

function isElsewhere(event: Publication, process: number, { severalWorkers }: Books): boolean {
  return event.process !== process || severalWorkers.has(process);
}

/** What a consumer was told that contradicts the contract, and an end that nothing told it of. */
export function mistakes(life: Life, { deaths }: Books): string[] {
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
