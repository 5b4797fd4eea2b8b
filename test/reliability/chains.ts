/**
 * Chains of connections: a consumer that goes on after its last position has one long connection in effect, from the first
 * `hello` that does not say `resumed` to the next one. All events between must have come over the connections of the chain.
 */

import type { FilterTold, GapTold, Life, Told } from "./books.js";

/** A chain has the members of one connection, over all of its connections. */
export interface Chain extends Life {
  readonly told: Told;
  /** The connections, at least one. */
  readonly parts: readonly Life[];
  /** The gaps that the consumer was told after this chain, but for those of refused resumes. */
  readonly later: readonly GapTold[];
  /**
   * Why the chain has ended: the `gap` of the refused resume that came next, or because there was no position to go on after.
   * Undefined when the consumer has not come back.
   */
  readonly end: GapTold | "no position" | undefined;
}

/** Makes the chains of one consumer, from all its connections in their order. */
export function chainsOf(lives: readonly Life[]): Chain[] {
  const begins = lives.flatMap(({ told }, i) => (told?.resumed === true ? [] : [i]));
  return begins.map((begin, i) => join(lives.slice(begin, begins[i + 1]), lives.slice(begins[i + 1] ?? lives.length)));
}

function join(parts: readonly Life[], after: readonly Life[]): Chain {
  const [first, last, next] = [parts[0] as Life, parts.at(-1) as Life, after[0]];
  const toldOf = ({ told }: Life): Told => told as Told;
  const later = after.flatMap((life) => toldOf(life).gaps.filter((gap) => gap !== refusalOf(life)));
  const until = next && (refusalOf(next)?.until ?? next.openedAt);
  return {
    ...first,
    // The gap of a refused resume ends where the live events begin.
    openedAt: refusalOf(first)?.until ?? first.openedAt,
    received: parts.flatMap(({ received }) => received),
    closed: last.closed && { ...last.closed, at: until ?? last.closed.at },
    told: {
      ...toldOf(last),
      filters: filtersOf(parts),
      gaps: parts.flatMap((life) => toldOf(life).gaps),
      wrong: [],
    },
    parts,
    later,
    end: next && (refusalOf(next) ?? "no position"),
  };
}

/**
 * The `gap` right after a `hello` that says that the consumer cannot go on. When the connection broke between the two, the consumer
 * knows that any event may be missing.
 */
function refusalOf({ told, process, openedAt }: Life): GapTold | undefined {
  if (told?.resumed !== false) return undefined;
  return told.gaps[0] ?? { reason: "", process, from: 0, until: openedAt, instance: undefined };
}

/** What comes after the end of a connection is subject to the filters of the next one. */
function filtersOf(parts: readonly Life[]): FilterTold[] {
  let count = 0;
  return parts.flatMap(({ told, received }, i) => {
    const before = count;
    count += received.length;
    const begun = parts[i - 1]?.closed?.at;
    return (told as Told).filters.map(({ types, after, at }, nth) => ({
      types,
      after: before + after,
      at: nth === 0 ? (begun ?? at) : at,
    }));
  });
}
