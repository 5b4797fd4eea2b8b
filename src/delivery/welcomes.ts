/**
 * Welcomes consumers with control frames: says in `hello` where they stand, and lets those that go on after a position read the
 * history first.
 */

import type { History } from "../history/history.js";
import type { Consumer } from "./consumer.js";
import type { Conversations } from "./conversations.js";
import type { Asked, HubStats } from "./hub.js";
import type { PastCloses } from "./past-closes.js";
import type { Replays } from "./replays.js";
import type { Stream } from "./stream.js";

/** How many events are counted at a time. */
const countMax = 1_024;

export interface WelcomesOptions {
  readonly conversations: Conversations;
  readonly pastCloses: PastCloses;
  readonly replays: Replays;
  readonly history: History | undefined;
  readonly stats: Pick<HubStats, "resumes">;
  readonly heartbeatSeconds: number;
  /** Most bytes that may wait for one consumer. */
  readonly waitingBytesMax: number;
}

/** Returns a function that welcomes a new consumer, and adds it to its stream at once or after the older events. */
export function createWelcomes(options: WelcomesOptions): (consumer: Consumer, asked: Asked) => void {
  const { conversations, pastCloses, replays, history, stats, heartbeatSeconds, waitingBytesMax } = options;

  function count(outcome: string): void {
    stats.resumes.set(outcome, (stats.resumes.get(outcome) ?? 0) + 1);
  }

  return (consumer, asked) => {
    const { stream } = consumer;
    const { filter, group } = stream;
    const { after } = asked;
    const resume = after === undefined ? undefined : group.resume(after);
    if (resume !== undefined) count("refusal" in resume ? resume.refusal : "resumed");
    const replayed = resume !== undefined && "after" in resume ? countTaken(stream, resume.after) : 0;
    conversations.begin(consumer, stream.accepted, {
      ...group.introduction,
      filter,
      previous: pastCloses.told(asked, consumer.principal),
      history: group.following && history?.reach,
      position: group.position,
      resume,
      replayed,
      heartbeatSeconds,
      waitingBytesMax,
    });
    if (after === undefined || replayed === 0) stream.add(consumer);
    else replays.begin(consumer, after);
  };
}

/** Returns how many events after a sequence number the stream takes. */
function countTaken({ selection, group }: Stream, after: number): number {
  let taken = 0;
  for (let last = after; ; ) {
    const events = group.following?.after(last, countMax) ?? [];
    if (events.length === 0) return taken;
    for (const { event, sequence } of events) {
      last = sequence;
      if (selection.takes(event)) taken++;
    }
  }
}
