/**
 * The bus between several nodes. It calls handlers on this node directly, and reaches other nodes over NATS with one
 * subject per instance and one per account.
 */

import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { type Bus, type BusGap, type Event, travelMsMax } from "./bus.js";
import { createMemoryBus, emptyBusStats } from "./memory-bus.js";
import { type NatsChoice, natsConnection } from "./nats-choice.js";
import { createNatsGaps } from "./nats-gaps.js";
import { createInbox } from "./nats-inbox.js";
import { createOutbox } from "./nats-outbox.js";
import { probeName } from "./nats-subjects.js";
import { createNatsTalk } from "./nats-talk.js";
import type { NodeTalk } from "./node-talk.js";
import { createOlderNodes } from "./older-nodes.js";
import { openNatsLink } from "./open-nats-link.js";

export interface NatsBusOptions {
  readonly nats: NatsChoice;
  /**
   * Whether a socket on any node may take the event. When this function returns false, the event does not leave this
   * node.
   */
  readonly mayBeWanted: (event: Event) => boolean;
  readonly logger: Logger;
}

/** A bus over NATS, by which nodes can also talk to each other. */
export interface NatsBus extends Bus {
  readonly talk: NodeTalk;
}

/**
 * How long a starting node waits for NATS, in milliseconds. After that it starts without NATS, and goes on trying to
 * connect.
 */
const patienceMs = 2_000;

/**
 * Opens the bus. Waits two seconds at most for NATS. Never rejects: while NATS is away, this node delivers to its own
 * sockets only.
 */
export async function openNatsBus({ nats, mayBeWanted, logger }: NatsBusOptions): Promise<NatsBus> {
  const stats = emptyBusStats();
  const subjectOf = (name: string): string => `${nats.subjectPrefix}.${name}`;
  const connection = () => natsConnection(nats.way);
  let onGap = (_: BusGap): void => {};
  let onReturn = (_awayMs: number): void => {};
  let onOlderNode = (): void => {};
  const link = await openNatsLink({
    connection,
    probe: subjectOf(probeName),
    logger,
    stats,
    onInterrupted(span) {
      onGap({ reason: "bus_interrupted", ...span, from: span.from - travelMsMax });
      onReturn(Math.max(0, span.until - span.from));
    },
    patienceMs,
  });
  const local = createMemoryBus();
  const origin = randomUUID();
  const gaps = createNatsGaps({ link, subjectOf, origin, onGap: (gap) => onGap(gap), logger });
  onReturn = (awayMs) => {
    gaps.ask(awayMs);
    void gaps.tell();
  };
  const outbox = createOutbox({ link, subjectOf, origin, mayBeWanted, stats, gaps });
  const inbox = createInbox({
    link,
    subjectOf,
    origin,
    onEvent: local.publish,
    logger,
    stats,
    onMissed: (gap) => onGap(gap),
  });
  const olderNodes = createOlderNodes({ link, subjectOf, onPresent: () => onOlderNode(), logger });

  return {
    stats,
    talk: createNatsTalk({ link, subjectOf, origin, unconfirmed: outbox.unconfirmed }),
    watchGaps(listener) {
      onGap = listener;
    },
    publish(event) {
      outbox.check(event);
      const here = local.publish(event);
      outbox.add(event);
      return here;
    },
    flush: outbox.flush,
    subscribe(instance, handler) {
      const { stop } = local.subscribe(instance, handler);
      const stopListening = inbox.listenTo(instance);
      return {
        inForce: link.connected ? link.confirm().then(() => {}) : undefined,
        stop() {
          stop();
          stopListening();
        },
      };
    },
    subscribeAccount(accountId, handler) {
      const { stop } = local.subscribeAccount(accountId, handler);
      const stopListening = inbox.listenToAccount(accountId);
      const { answered, end } = olderNodes.watch();
      return {
        inForce: link.connected ? Promise.all([link.confirm(), answered]).then(() => {}) : undefined,
        stop() {
          stop();
          stopListening();
          end();
        },
      };
    },
    hasOlderNodes: () => olderNodes.present,
    watchOlderNodes(listener) {
      onOlderNode = listener;
    },
    trouble: () => (link.connected ? undefined : "unreachable"),
    async close() {
      await outbox.flush();
      await gaps.close();
      await link.close();
      await local.close();
    },
  };
}
