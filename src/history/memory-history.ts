/** The history of a node that runs alone. It keeps the events in the memory of the process, so they end with the process. */

import { randomBytes } from "node:crypto";
import { holdEvent } from "./held-event.js";
import type { FollowHandler, Following, History, HistoryScope, Kept, Resume } from "./history.js";
import { type HistoryLimits, HistoryLog } from "./history-log.js";
import { positionText, readPosition } from "./position.js";
import { RecentCloses } from "./recent-closes.js";

/** How often events are dropped that are too old, in milliseconds. */
const expireMs = 1_000;

/** A scope whose events are kept: while it is followed, and for `seconds` more. */
interface Mode {
  readonly scope: HistoryScope;
  /** Undefined when nobody follows the scope now. */
  handler: FollowHandler | undefined;
  /** Ends the mode. Present while nobody follows the scope. */
  timer: NodeJS.Timeout | undefined;
  /** The position of the last event of the scope, or that of the beginning of the mode. */
  position: string;
}

export function createMemoryHistory(limits: HistoryLimits): History {
  const epoch = randomBytes(6).toString("base64url");
  const log = new HistoryLog(limits);
  const closes = new RecentCloses(limits.seconds);
  const instances = new Map<string, Mode>();
  const accounts = new Map<string, Mode>();
  let sequence = 0;
  let expiring: NodeJS.Timeout | undefined;

  function modesFor({ instanceId }: HistoryScope): Map<string, Mode> {
    return instanceId === "" ? accounts : instances;
  }

  function keyOf({ accountId, instanceId }: HistoryScope): string {
    return instanceId === "" ? accountId : instanceId;
  }

  /**
   * Events that nobody keeps have no sequence number. So the beginning of a mode takes one: a position from before a time without
   * history is smaller, and is refused.
   */
  function begin(scope: HistoryScope): Mode {
    log.begin(scope, ++sequence);
    const position = positionText(epoch, sequence, Date.now());
    const mode: Mode = { scope, handler: undefined, timer: undefined, position };
    modesFor(scope).set(keyOf(scope), mode);
    expiring ??= setInterval(() => log.expire(performance.now()), expireMs).unref();
    return mode;
  }

  function end({ scope }: Mode): void {
    modesFor(scope).delete(keyOf(scope));
    log.end(scope);
    if (instances.size + accounts.size > 0) return;
    clearInterval(expiring);
    expiring = undefined;
  }

  function resume(scope: HistoryScope, text: string): Resume {
    const position = readPosition(text);
    if (position === undefined) return { refusal: "malformed", from: 0 };
    const from = Math.min(position.time, Date.now());
    if (position.epoch !== epoch || position.sequence > sequence) return { refusal: "another_history", from };
    if (position.sequence < log.completeSince(scope)) return { refusal: "expired", from };
    return { after: position.sequence };
  }

  function tell(mode: Mode | undefined, { event, position }: Kept): void {
    if (mode === undefined) return;
    mode.position = position;
    mode.handler?.(event, position);
  }

  return {
    stats: log.stats,
    reach: { events: limits.events, seconds: limits.seconds },

    available: true,

    take(event, placing) {
      if (instances.size + accounts.size === 0) return;
      const ofInstance = instances.get(event.instanceId);
      const ofAccount = accounts.get(event.accountId);
      if (ofInstance === undefined && ofAccount === undefined) return;
      const { event: held, bytes } = holdEvent(event);
      const kept = { sequence: ++sequence, event: held, position: positionText(epoch, sequence, event.time) };
      log.append(kept, held, bytes, performance.now());
      if (placing !== undefined) placing.position = kept.position;
      tell(ofInstance, kept);
      tell(ofAccount, kept);
    },

    // An event is stored as soon as it is taken.
    taken: 0,
    kept: () => undefined,

    follow(scope, handler): Following {
      const mode = modesFor(scope).get(keyOf(scope)) ?? begin(scope);
      if (mode.handler !== undefined) throw new Error(`somebody follows ${keyOf(scope)} already`);
      clearTimeout(mode.timer);
      mode.handler = handler;
      return {
        inForce: undefined,
        get position() {
          return mode.position;
        },
        resume: (position) => resume(scope, position),
        after: (after, max) => log.after(scope, after, max),
        heard() {},
        stop() {
          mode.handler = undefined;
          mode.timer = setTimeout(() => end(mode), limits.seconds * 1000).unref();
        },
      };
    },

    keepClose: (connection, close) => closes.add(connection, close),
    closeOf: (connection) => Promise.resolve(closes.get(connection)),

    // A node that runs alone accepts every event itself, so none is missing.
    watchGaps() {},

    async close() {
      clearInterval(expiring);
      for (const { timer } of [...instances.values(), ...accounts.values()]) clearTimeout(timer);
      instances.clear();
      accounts.clear();
      log.clear();
    },
  };
}
