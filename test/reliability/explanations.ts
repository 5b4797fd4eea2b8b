/**
 * The excuses for a missing frame. A plain socket is told nothing, so what the publisher was told counts, and what the
 * node logged. A consumer of `eventwire.v1` must have been told itself.
 */

import { closeCatalogue } from "../../gen/closes.js";
import type { Books, GapTold, Life, Publication } from "./books.js";
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
  const elsewhere = isElsewhere(event, life, books);
  if (elsewhere && event.answer === "unreached") return "told";
  if (elsewhere && books.interruptions.some((one) => one.process === life.process && overlaps(one, event)))
    return "interrupted";
  if (life.closed !== undefined && !reading.passed(event)) return "closed";
  return "unexplained";
}

function explainToConsumer(event: Publication, life: Life, reading: Reading, books: Books): Fate {
  const { instance, startedAt, answeredAt, acceptedAt } = event;
  const [earliest, latest] = [acceptedAt ?? startedAt, acceptedAt ?? answeredAt];
  const covers = (gap: GapTold): boolean =>
    (gap.instance ?? instance) === instance && gap.from <= latest && gap.until >= earliest;
  // The bus can lose only events of other nodes, so a gap excuses no event of the node itself.
  const elsewhere = isElsewhere(event, life, books);
  if (elsewhere && life.told?.gaps.some(covers)) return "gap";
  if (life.closed !== undefined && !reading.passed(event)) return reasonOf(life) === undefined ? "broken" : "closing";
  if (!hasDied(event, books)) return "unexplained";
  if (event.answer === "none") return "unanswered";
  return event.answer === "unreached" && elsewhere ? "untold" : "unexplained";
}

/** Longest outage of NATS, with the time that a node needs to notice it and to connect again. */
const outageMsMax = 20_000;

/** Whether the node that was given an event may have ended before it answered, or before NATS was back. */
function hasDied({ process, startedAt, answeredAt }: Publication, { deaths }: Books): boolean {
  const until = Math.min(answeredAt, startedAt + outageMsMax) + outageMsMax;
  return deaths.some(({ process: dead, at, goneAt }) => dead === process && goneAt > startedAt && at < until);
}

function isElsewhere(event: Publication, { process }: Life, { severalWorkers }: Books): boolean {
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
