/**
 * Notes, by instance, which events this node accepted that may not have reached other nodes. Of each instance it keeps
 * only a span and a number, and of too many instances one span for all of them.
 */

import type { BusGap, Event } from "./bus.js";

export interface UnsentEvents {
  readonly isEmpty: boolean;
  /** Notes an event. `certain`: the event was not sent. Otherwise the event may have arrived, and is not counted. */
  note(event: Event, certain: boolean): void;
  /** Adds a gap to what was noted. */
  add(gap: BusGap): void;
  /** Returns what was noted, as gaps that end now, and forgets it. */
  take(): BusGap[];
}

/** Most instances with a gap of their own. With more, one gap concerns every instance. */
export const gapsMax = 10_000;

export function createUnsentEvents(): UnsentEvents {
  /** By the id of the instance. A gap that concerns every instance is alone, under the id "". */
  const gaps = new Map<string, BusGap>();

  function add(gap: BusGap): void {
    const { instanceId = "" } = gap;
    const known = gaps.get(instanceId);
    const common = instanceId === "" || gaps.has("") || (known === undefined && gaps.size >= gapsMax);
    if (!common) gaps.set(instanceId, known === undefined ? gap : join(known, gap));
    else {
      const one = everywhere([...gaps.values(), gap]);
      gaps.clear();
      gaps.set("", one);
    }
  }

  return {
    get isEmpty() {
      return gaps.size === 0;
    },
    add,
    note({ accountId, instanceId, time }, certain) {
      add({ reason: "bus_lost", from: time, until: time, ...(certain && { missed: 1 }), accountId, instanceId });
    },
    take() {
      const now = Date.now();
      const taken = [...gaps.values()].map((gap) => ({ ...gap, until: Math.max(gap.until, now) }));
      gaps.clear();
      return taken;
    },
  };
}

/** Joins gaps of any instances into one that concerns every instance. */
export function everywhere(gaps: readonly BusGap[]): BusGap {
  const { from, until } = gaps.reduce(join);
  return { reason: "bus_lost", from, until };
}

/** Joins two gaps of an instance. The number of missed events is known only when both gaps have one. */
function join({ missed, ...a }: BusGap, b: BusGap): BusGap {
  const span = { from: Math.min(a.from, b.from), until: Math.max(a.until, b.until) };
  return { ...a, ...span, ...(missed !== undefined && b.missed !== undefined && { missed: missed + b.missed }) };
}
