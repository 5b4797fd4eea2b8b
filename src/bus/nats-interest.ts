/**
 * Asks NATS, with an empty message, whether anybody listens to a subject. NATS itself answers when nobody does ("no
 * responders").
 */

import { createInbox } from "@nats-io/transport-node";
import type { NatsLink } from "./nats-link.js";

export interface Interest {
  /**
   * Asks about a subject of the bus, given by its name after the prefix. When the next `confirm` of the link resolves
   * to true, the answer is known.
   */
  ask(name: string): void;
  /**
   * Whether NATS has said since the last `forget` that nobody listens to the subject. Also false while no answer is
   * known.
   */
  nobody(name: string): boolean;
  /** Forgets all answers. Call this before new questions. */
  forget(): void;
}

export interface InterestOptions {
  readonly link: NatsLink;
  /** Makes the full subject of a name: see `nats-subjects.ts`. */
  readonly subjectOf: (name: string) => string;
}

const question = new Uint8Array(0);

export function createInterest({ link, subjectOf }: InterestOptions): Interest {
  const answers = createInbox(subjectOf("inbox"));
  const nobody = new Set<string>();
  link.subscribe(`${answers}.>`, ({ subject }, nobodyListens) => {
    if (nobodyListens) nobody.add(subject.slice(answers.length + 1));
  });
  return {
    ask: (name) => void link.publish(subjectOf(name), question, `${answers}.${name}`),
    nobody: (name) => nobody.has(name),
    forget: () => nobody.clear(),
  };
}
