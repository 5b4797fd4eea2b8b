/** Plays faults, which a seed has drawn, one after another: faults of different targets overlap. */

import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../support/random.js";
import type { Fault } from "./books.js";

/** What it breaks, where that can be broken only once, and the breaking and mending of it. */
export interface Scene {
  readonly kind: string;
  readonly target: object;
  play(): Promise<void>;
}

export interface PlayOptions {
  readonly random: Random;
  readonly seconds: number;
  /** Hears what is waited for from then on. */
  readonly step: (what: string) => void;
}

const gapMsMin = 800;
const gapMsMax = 2_400;

/**
 * Resolves when everything is mended again. `deck`: each kind once. What a scene needs is drawn when the deck or the scene
 * is made: what happens meanwhile must not change the order.
 */
export async function playScenes(
  { random, seconds, step }: PlayOptions,
  deck: () => (() => Scene)[],
): Promise<Fault[]> {
  const end = Date.now() + seconds * 1_000;
  const faults: Fault[] = [];
  const playing = new Map<object, Promise<void>>();
  const unmended = new Set<string>();
  let left: (() => Scene)[] = [];
  while (Date.now() < end) {
    if (left.length === 0) left = deck();
    const [draw] = left.splice(random.below(left.length), 1);
    const { kind, target, play } = (draw as () => Scene)();
    await playing.get(target);
    if (Date.now() >= end) break;
    const fault: Fault = { kind, at: Date.now() };
    faults.push(fault);
    unmended.add(kind);
    playing.set(
      target,
      play().finally(() => {
        unmended.delete(kind);
        fault.mendedAt = Date.now();
      }),
    );
    await delay(gapMsMin + random.below(gapMsMax - gapMsMin));
  }
  for (const played of playing.values()) {
    step(`the mending of: ${[...unmended].join(", ")}`);
    await played;
  }
  return faults;
}
