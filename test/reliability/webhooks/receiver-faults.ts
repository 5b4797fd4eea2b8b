/** What goes wrong at receivers, and how owners change their webhooks meanwhile: drawn from a seed as the other faults are. */

import type { Random } from "../../support/random.js";
import type { Cluster, Node } from "../cluster.js";
import { someTypes } from "../crowd.js";
import type { Scene } from "../scenes.js";
import type { Mood, Receivers } from "./receivers.js";
import { configure, type LedgerWebhook } from "./webhooks.js";

const moods: Readonly<Record<string, Mood>> = {
  "a receiver answers slowly": "slow",
  "a receiver answers 500 and 503": "failing",
  "a receiver answers 404": "missing",
  "a receiver does not answer": "hanging",
  "a receiver cuts its connections": "cutting",
};

export interface ReceiverFaultOptions {
  readonly cluster: Cluster;
  readonly receivers: Receivers;
  readonly webhooks: readonly LedgerWebhook[];
  readonly random: Random;
  /** The node that gets the next call. */
  readonly choose: () => Node;
}

/** Each kind once, and the change of a webhook twice. */
export function receiverScenes({
  cluster,
  receivers,
  webhooks,
  random,
  choose,
}: ReceiverFaultOptions): (() => Scene)[] {
  const draw = (min: number, max: number): number => min + random.below(max - min);
  const changing = webhooks.filter(({ changes }) => changes);

  const change = (): Scene => {
    const webhook = random.pick(changing);
    const [disables, events, receiver] = [random.below(3) === 0, someTypes(random), random.pick(receivers.all)];
    const play = () => {
      const enabled = !webhook.current.enabled || !disables;
      return configure(cluster, webhook, { enabled, events, receiver }, choose);
    };
    return { kind: "a webhook set anew, disabled or enabled", target: webhook, play };
  };

  return [
    () => {
      const [target, ms] = [random.pick(receivers.all), draw(100, 3_000)];
      return { kind: "a receiver killed (SIGKILL)", target, play: () => target.kill(ms) };
    },
    () => {
      const [target, ms] = [random.pick(receivers.all), draw(200, 6_000)];
      return { kind: "a receiver stopped and continued (SIGSTOP, SIGCONT)", target, play: () => target.freeze(ms) };
    },
    ...Object.entries(moods).map(([kind, mood]) => () => {
      const [target, ms] = [random.pick(receivers.all), draw(500, 5_000)];
      return { kind, target, play: () => target.beInMood(mood, ms) };
    }),
    change,
    change,
  ];
}
