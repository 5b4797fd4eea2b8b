/**
 * Tells other nodes of events that this node accepted and that may not have reached them, because its connection to
 * NATS was away or too many bytes waited. Only this node knows of them, and it tells them when NATS can be reached
 * again. A node that was away itself at that moment asks for what it missed.
 */

import type { Logger } from "pino";
import type { BusGap, Event } from "./bus.js";
import { decodeGaps, decodeQuestion, encodeGaps, encodeQuestion } from "./gap-codec.js";
import type { NatsLink } from "./nats-link.js";
import { gapsName, gapsQuestionName } from "./nats-subjects.js";
import { createUnsentEvents, everywhere, gapsMax } from "./unsent-events.js";

export interface NatsGapsOptions {
  readonly link: NatsLink;
  /** Makes the full subject of a name: see `nats-subjects.ts`. */
  readonly subjectOf: (name: string) => string;
  /** The name of this node. No other node has the same name. */
  readonly origin: string;
  /** Called with each gap of which another node tells. */
  readonly onGap: (gap: BusGap) => void;
  readonly logger: Logger;
}

export interface NatsGaps {
  /** Notes an event that other nodes may miss: see `UnsentEvents.note`. */
  note(event: Event, certain: boolean): void;
  /**
   * Tells other nodes what was noted. Resolves when NATS has confirmed that. What NATS does not confirm is kept for the
   * next call. Does nothing while NATS is away. Never rejects.
   */
  tell(): Promise<void>;
  /** Asks other nodes for the gaps that they told in the last `awayMs` milliseconds. */
  ask(awayMs: number): void;
  /** Tells what was noted, or logs that nobody can be told any more. */
  close(): Promise<void>;
}

/**
 * How much earlier than the question says a gap may have ended that is told again, in milliseconds. A gap ends a little
 * before NATS has its message.
 */
const marginMs = 10_000;

export function createNatsGaps({ link, subjectOf, origin, onGap, logger }: NatsGapsOptions): NatsGaps {
  const unsent = createUnsentEvents();
  const told = createToldGaps();

  function receive({ data }: { readonly data: Uint8Array }): void {
    const notice = read(decodeGaps, data);
    // A slow server can deliver a message of this node's previous connection on the present one.
    if (notice !== undefined && notice.origin !== origin) for (const gap of notice.gaps) onGap(gap);
  }

  link.subscribe(subjectOf(gapsName), receive);
  link.subscribe(subjectOf(`${gapsName}.${origin}`), receive);
  link.subscribe(subjectOf(gapsQuestionName), ({ data }) => {
    const question = read(decodeQuestion, data);
    if (question === undefined) return;
    const gaps = told.since(Date.now() - question.awayMs - marginMs);
    send(`${gapsName}.${question.origin}`, gaps);
  });

  /** An error must not reach the NATS client library, because the library would then silently stop reading. */
  function read<T>(decode: (bytes: Uint8Array) => T, data: Uint8Array): T | undefined {
    try {
      return decode(data);
    } catch (error) {
      logger.warn({ reason: (error as Error).message }, "a message on the bus tells of no gap");
      return undefined;
    }
  }

  /** Returns false when a message could not be sent. */
  function send(name: string, gaps: readonly BusGap[]): boolean {
    return encodeGaps(origin, gaps).every((message) => link.publish(subjectOf(name), message));
  }

  async function tell(): Promise<void> {
    if (unsent.isEmpty || !link.connected) return;
    const gaps = unsent.take();
    // A node may ask before NATS has confirmed the message, and after that node missed it.
    told.add(gaps);
    if (send(gapsName, gaps) && (await link.confirm())) {
      logger.info({ gaps: gaps.length }, "other nodes were told of the events that did not reach them");
    } else for (const gap of gaps) unsent.add(gap);
  }

  return {
    note: unsent.note,
    tell,
    ask: (awayMs) => void link.publish(subjectOf(gapsQuestionName), encodeQuestion(origin, awayMs)),
    async close() {
      await tell();
      if (!unsent.isEmpty) logger.warn("other nodes cannot be told of events that did not reach them");
    },
  };
}

/** Keeps the gaps of which other nodes were told: the last `gapsMax`, and of all earlier ones a single span. */
function createToldGaps() {
  const lists: (readonly BusGap[])[] = [];
  let count = 0;
  let earlier: BusGap | undefined;

  return {
    add(gaps: readonly BusGap[]): void {
      lists.push(gaps);
      count += gaps.length;
      while (count > gapsMax) {
        const oldest = lists.shift() ?? [];
        count -= oldest.length;
        earlier = everywhere(earlier === undefined ? oldest : [earlier, ...oldest]);
      }
    },
    /** Returns the gaps that end at `from` or later, in milliseconds since 1970. */
    since(from: number): BusGap[] {
      const all = earlier === undefined ? lists.flat() : [earlier, ...lists.flat()];
      return all.filter(({ until }) => until >= from);
    },
  };
}
