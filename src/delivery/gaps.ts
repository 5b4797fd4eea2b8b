/** Tells consumers of gaps: spans of time in which the bus or the history may have lost events. */

import { setImmediate as turn } from "node:timers/promises";
import type { ControlFrame } from "../../gen/frames.js";
import type { HistoryGap } from "../history/history.js";
import { gapFrame } from "./control-frames.js";
import type { ControlStreams } from "./control-streams.js";
import type { Stream } from "./stream.js";
import type { StreamRegistry } from "./stream-registry.js";

/** How many streams are told of a gap in one turn of the event loop. */
const streamsPerTurn = 1_000;

export interface GapTellerOptions {
  readonly registry: StreamRegistry;
  readonly controls: ControlStreams;
  readonly announce: (stream: Stream, control: ControlFrame) => void;
}

/** Returns a listener for the bus and the history. */
export function createGapTeller({ registry, controls, announce }: GapTellerOptions): (gap: HistoryGap) => void {
  /** Tells all streams of the node. With many streams this takes several turns, so that no turn is long. */
  async function tellAll(gap: HistoryGap): Promise<void> {
    for (const [i, stream] of [...controls].entries()) {
      if (i > 0 && i % streamsPerTurn === 0) await turn();
      announce(stream, gapFrame(gap, null));
    }
  }

  return (gap) => {
    const { accountId, instanceId } = gap;
    if (accountId === undefined) {
      void tellAll(gap);
      return;
    }
    const instance = instanceId === undefined ? undefined : registry.instance(instanceId);
    const account = registry.account(accountId);
    const known = instanceId === undefined ? undefined : account?.entry(instanceId);
    const name = instance?.configuration.instance.name ?? known?.instance.name ?? null;
    for (const group of [instance, account])
      for (const stream of group?.streams ?? []) announce(stream, gapFrame(gap, name));
  };
}
