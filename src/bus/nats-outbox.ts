/**
 * Sends events to other nodes over NATS. An event that no other node wants is neither encoded nor sent. The events of
 * an instance wait until NATS has said whether anybody listens to the instance or its account. Each question is asked
 * in a round, which `flush` starts. All callers of `flush` that wait share one round. For some seconds after the
 * answer, further events of the instance are sent at once.
 */

import { AppError } from "../domain/errors.js";
import { createAccountListeners } from "./account-listeners.js";
import type { BusStats, Event } from "./bus.js";
import { encodedBytesMax, encodeEvent } from "./event-codec.js";
import type { NatsGaps } from "./nats-gaps.js";
import { createInterest } from "./nats-interest.js";
import type { NatsLink } from "./nats-link.js";
import { accountName, listeningName } from "./nats-subjects.js";
import { createUnconfirmedEvents, type SentEvent } from "./unconfirmed-events.js";

export interface Outbox {
  /**
   * Throws AppError EVENT_TOO_LARGE_FOR_BUS when NATS does not carry an event of this size. Does nothing while NATS has
   * not named its limit.
   */
  check(event: Event): void;
  /**
   * Sends the event at once when a node is known to listen. Otherwise keeps it for the next round. When NATS is away,
   * or when too many bytes wait already, the event is counted as unreached and the next `flush` resolves to false. An
   * event that `mayBeWanted` refuses is only counted as unwanted.
   */
  add(event: Event): void;
  /**
   * Returns the events that NATS has not confirmed, and those that are not sent yet, each instance's in the order of
   * their acceptance.
   */
  unconfirmed(): Event[];
  /** Starts a round, or waits for the next one while a round runs. Resolves as `Bus.flush` does. */
  flush(): Promise<boolean> | undefined;
}

export interface OutboxOptions {
  readonly link: NatsLink;
  /** Makes the full subject of a name: see `nats-subjects.ts`. */
  readonly subjectOf: (name: string) => string;
  /** The name of this node. No other node has the same name. */
  readonly origin: string;
  /**
   * Whether a consumer on any node may take the event. When this function returns false, the event counts as unwanted.
   */
  readonly mayBeWanted: (event: Event) => boolean;
  readonly stats: Pick<BusStats, "sent" | "unwanted" | "unreached">;
  /** Told of each event that other nodes may miss. */
  readonly gaps: Pick<NatsGaps, "note" | "tell">;
}

/** Where the events of an instance go. Kept when another node listens to the instance, to its account, or to both. */
interface Route {
  readonly series: number;
  sequence: number;
  readonly toInstance: boolean;
  readonly toAccount: boolean;
  /** `connectedAt` of the link over which NATS was asked. After a new connection NATS is asked again. */
  readonly connection: number;
  /** When NATS is asked again whether anybody listens, on the clock of `performance.now()`. */
  readonly until: number;
}

/**
 * How long the outbox believes NATS that somebody listens, and that nobody listens to an account, in milliseconds. If a
 * listener leaves in this time, events are sent in vain. If a node begins to listen to an account in this time, it says
 * so itself: see `account-listeners.ts`.
 */
const believedMs = 5_000;
/** Most routes. With more, all of them are forgotten, and the outbox asks NATS again. */
const routesMax = 100_000;
/**
 * Most bytes of events that wait for an answer or a confirmation of NATS. Other nodes do not get the events beyond this
 * limit, and the answers to the producers of these events say so.
 */
const pendingBytesMax = 64 * 1024 * 1024;

export function createOutbox(options: OutboxOptions): Outbox {
  const { link, subjectOf, origin, mayBeWanted, stats, gaps } = options;
  const interest = createInterest({ link, subjectOf });
  const listeners = createAccountListeners(believedMs);
  const unconfirmed = createUnconfirmedEvents();
  const routes = new Map<string, Route>();
  let lastSeries = 0;
  /**
   * For each instance, the events that wait for the next round. In a round the outbox asks NATS whether anybody listens
   * to the instance.
   */
  let asking = new Map<string, Event[]>();
  /** For each instance, the events that wait for NATS's answer in the present round. */
  let asked: ReadonlyMap<string, Event[]> = new Map();
  /** The accounts that the present round asks about. */
  const askedAccounts = new Set<string>();
  /** `connectedAt` of the link when the last round began. */
  let connection = 0;
  let pendingBytes = 0;
  /**
   * Whether an event was skipped since the last round began. A skipped event does not reach all nodes that may want it.
   */
  let skipped = false;
  /** Whether events that had gone to instances alone were sent to an account too, since NATS was last asked to confirm. */
  let sentAgain = false;
  /** The round that runs now. `next` is the round after it, which is waited for but has not begun. */
  let running: Promise<boolean> | undefined;
  let next: Promise<boolean> | undefined;

  link.subscribe(subjectOf(listeningName), ({ data }) => {
    const accountId = Buffer.from(data).toString();
    if (!listeners.add(accountId)) return;
    for (const numbered of unconfirmed.notSentTo(accountId)) {
      sentAgain = true;
      if (!link.publish(subjectOf(accountName(accountId)), encodeEvent(numbered, true))) skip(numbered.event);
    }
  });

  /**
   * Sends an event to its instance, to its account, or to both. Returns false when one of these messages could not be
   * sent, for example because the server lowered its size limit after `check`. The event then counts as unreached.
   */
  function send(route: Route, event: Event): boolean {
    const { instanceId, accountId } = event;
    const toAccount = route.toAccount || listeners.has(accountId);
    const sent: SentEvent = { event, origin, series: route.series, sequence: ++route.sequence, toAccount };
    const bytes = encodeEvent(sent, toAccount);
    let taken = true;
    if (route.toInstance) taken = link.publish(subjectOf(instanceId), bytes);
    if (toAccount) taken = link.publish(subjectOf(accountName(accountId)), bytes) && taken;
    if (!taken) skip(event);
    else {
      unconfirmed.keep(sent, link.connectedAt);
      stats.sent++;
    }
    return taken;
  }

  function skip(event: Event): void {
    skipped = true;
    unreached(event, true);
  }

  /** Counts an event that was not sent (`certain`), or that was sent and may not have arrived. */
  function unreached(event: Event, certain: boolean): void {
    stats.unreached++;
    gaps.note(event, certain);
  }

  async function round(): Promise<boolean> {
    next = undefined;
    const complete = !skipped;
    skipped = false;
    asked = asking;
    asking = new Map();
    interest.forget();
    const bytes = pendingBytes;
    const reached = await askAndSend();
    pendingBytes -= bytes;
    running = undefined;
    void gaps.tell();
    return complete && reached;
  }

  async function askAndSend(): Promise<boolean> {
    ask();
    if (!(await confirm())) {
      for (const events of asked.values()) for (const event of events) unreached(event, true);
      asked = new Map();
      return false;
    }
    const before = unconfirmed.count;
    let taken = true;
    for (const [id, events] of asked) {
      const route = routeOf(id, (events[0] as Event).accountId);
      if (route === undefined) {
        stats.unwanted += events.length;
        continue;
      }
      for (const event of [...events, ...(asking.get(id) ?? [])]) taken = send(route, event) && taken;
      asking.delete(id);
    }
    // From here on, new events of these instances are sent at once and do not wait for the end of this round.
    asked = new Map();
    return (unconfirmed.count === before || (await confirm())) && taken;
  }

  function ask(): void {
    if (connection !== link.connectedAt) listeners.forgetNobody();
    connection = link.connectedAt;
    askedAccounts.clear();
    for (const [id, [event]] of asked) {
      interest.ask(id);
      const { accountId } = event as Event;
      if (listeners.isUnknown(accountId)) askedAccounts.add(accountId);
    }
    for (const accountId of askedAccounts) interest.ask(accountName(accountId));
  }

  function listensToAccount(accountId: string): boolean {
    if (listeners.has(accountId)) return true;
    if (!askedAccounts.has(accountId)) return false;
    if (!interest.nobody(accountName(accountId))) return true;
    listeners.nobody(accountId);
    return false;
  }

  /** The route of an instance after the answers of the present round. Undefined when nobody listens. */
  function routeOf(instanceId: string, accountId: string): Route | undefined {
    const toInstance = !interest.nobody(instanceId);
    const toAccount = listensToAccount(accountId);
    if (!toInstance && !toAccount) {
      routes.delete(instanceId);
      return undefined;
    }
    const { series, sequence } = routes.get(instanceId) ?? { series: ++lastSeries, sequence: 0 };
    // A node that begins to listen to an instance tells nobody. So a route without the instance is used in this round only.
    const until = toInstance ? performance.now() + believedMs : 0;
    const route: Route = { series, sequence, toInstance, toAccount, connection, until };
    if (routes.size >= routesMax) routes.clear();
    routes.set(instanceId, route);
    return route;
  }

  function isBelieved({ until, connection }: Route): boolean {
    return until > performance.now() && connection === link.connectedAt;
  }

  /**
   * Asks NATS to confirm all events that were sent until now. The answer on a new connection confirms nothing that was
   * sent over the one before: what was on its way there may be lost. Asks again when `listeningName` made the outbox send
   * events to an account meanwhile.
   */
  async function confirm(): Promise<boolean> {
    let reached: boolean;
    do {
      sentAgain = false;
      const { sentOver = link.connectedAt } = unconfirmed;
      const confirmed = unconfirmed.confirming();
      reached = (await link.confirm()) && sentOver === link.connectedAt;
      const covered = confirmed();
      if (!reached) for (const { event } of covered) unreached(event, false);
    } while (reached && sentAgain);
    return reached;
  }

  return {
    check(event) {
      const limit = link.payloadMax;
      if (limit !== undefined && encodedBytesMax(event) > limit)
        throw new AppError("EVENT_TOO_LARGE_FOR_BUS", { values: { limit: `${limit}` } });
    },

    add(event) {
      if (!mayBeWanted(event)) {
        stats.unwanted++;
        return;
      }
      const bytes = encodedBytesMax(event);
      if (!link.connected || pendingBytes + bytes > pendingBytesMax) return skip(event);
      pendingBytes += bytes;
      const { instanceId } = event;
      const route = routes.get(instanceId);
      const waiting = asking.get(instanceId);
      if (waiting !== undefined) waiting.push(event);
      else if (route === undefined || asked.has(instanceId) || !isBelieved(route)) asking.set(instanceId, [event]);
      else send(route, event);
    },

    unconfirmed: () => [
      ...unconfirmed.all().map(({ event }) => event),
      ...[...asked.values(), ...asking.values()].flat(),
    ],

    flush() {
      if (!skipped && unconfirmed.count === 0 && asking.size === 0) return running;
      next ??= (running ?? Promise.resolve(true)).then(() => {
        running = round();
        return running;
      });
      return next;
    },
  };
}
