/** Why an event came to a webhook once more, from what broke between the two times. */

import type { Death } from "../books.js";
import type { Arrival } from "./arrivals.js";
import type { Trouble } from "./receivers.js";

export interface Breakages {
  /** Of processes of receivers. */
  readonly troubles: readonly Trouble[];
  /** Of nodes and workers. */
  readonly deaths: readonly Death[];
  readonly databaseAway: readonly Span[];
  readonly nodeStopped: readonly Span[];
  /** When nodes logged that they had lost their leases. */
  readonly leasesLost: readonly Span[];
}

export interface Span {
  readonly from: number;
  readonly until: number;
}

export const reasons = {
  receiverCut: "the receiver cut the connection",
  receiverKilled: "the receiver was killed before the node had its answer",
  noAnswer: "no answer in time",
  nodeKilled: "the node was killed before it stored the outcome",
  databaseAway: "the outcome could not be stored, because PostgreSQL was away",
  nodeStopped: "the node was stopped, and so got the answer too late",
  leasesLost: "a node lost its leases, and logged that",
  unexplained: "unexplained",
} as const;

export type Reason = (typeof reasons)[keyof typeof reasons];

/** How long the effects of an outage last after its end: the leases of a node may end in this time. */
const recoveryMs = 10_000;
/** How long requests that a stopped receiver was sent may be read after its stop. */
const backlogMs = 5_000;
/** How long an answer may be on its way. */
const travelMs = 1_000;

/** `before` is the last time that the event came before `again`. */
export function reasonOf(before: Arrival, again: Arrival, breakages: Breakages): Reason {
  const between = { from: before.at, until: again.at };
  const isLate = breakages.troubles.some(
    ({ pid, what, from, until }) =>
      what === "stopped" &&
      [before, again].some((one) => one.pid === pid && one.at >= from && one.at <= until + backlogMs),
  );
  const { answeredAt } = before;
  const died = breakages.troubles.find(
    ({ pid, what, until }) => what === "killed" && pid === before.pid && until >= before.at,
  );
  const nodeDied = breakages.deaths.some(({ at: from, goneAt: until }) => overlaps({ from, until }, between));
  if (answeredAt === undefined && before.mood === "cutting") return reasons.receiverCut;
  if (died !== undefined && died.from <= (answeredAt === undefined ? again.at : answeredAt + travelMs))
    return reasons.receiverKilled;
  if (answeredAt === undefined) return nodeDied ? reasons.nodeKilled : reasons.noAnswer;
  if (nodeDied) return reasons.nodeKilled;
  if (breakages.databaseAway.some((span) => overlaps(span, between, recoveryMs))) return reasons.databaseAway;
  if (breakages.nodeStopped.some((span) => overlaps(span, between, recoveryMs))) return reasons.nodeStopped;
  if (breakages.leasesLost.some((span) => overlaps(span, between, recoveryMs))) return reasons.leasesLost;
  return isLate ? reasons.noAnswer : reasons.unexplained;
}

function overlaps(one: Span, other: Span, afterMs = 0): boolean {
  return one.from <= other.until && one.until + afterMs >= other.from;
}
