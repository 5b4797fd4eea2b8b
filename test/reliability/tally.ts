/** How many frames were expected, and what became of each. */

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
  /** Missing between two connections, within the `gap` that followed a `hello` whose `resumed` was false. */
  refused: number;
  /** Missing between two connections, where the consumer had no position, because the last event had come without one. */
  unplaced: number;
  /** Missing, and the publisher got no answer, because the node ended: nobody knows whether it accepted the event. */
  unanswered: number;
  /** Missing without a `gap`: the publisher was told, but the node was killed before it could tell other nodes. */
  untold: number;
  unexplained: number;
}

/** What can become of an expected frame. */
export type Fate = Exclude<keyof Tally, "events" | "expected">;

export function emptyTally(): Tally {
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
    refused: 0,
    unplaced: 0,
    unanswered: 0,
    untold: 0,
    unexplained: 0,
  };
}

export function sum(tallies: Iterable<Tally>): Tally {
  const total = emptyTally();
  for (const tally of tallies) {
    for (const key of Object.keys(total) as (keyof Tally)[]) total[key] += tally[key];
  }
  return total;
}
