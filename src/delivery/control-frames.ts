/** The control frames of `eventwire.v1` as objects, each with all of its members in the order of the contract. */

import type {
  ClosingFrame,
  ConfigChangedFrame,
  EffectiveFilter,
  ErrorFrame,
  GapFrame,
  HelloFrame,
  NarrowedFrame,
  PongFrame,
  PositionFrame,
  PreviousClose,
} from "../../gen/frames.js";
import { type Close, closeRow } from "../domain/closes.js";
import { eventTypeBit, eventTypes } from "../domain/event-type.js";
import type { Filter } from "../domain/filter.js";
import type { HistoryGap, HistoryReach, ResumeRefusal } from "../history/history.js";
import { waitingFramesMax } from "./backlog.js";
import type { Configuration } from "./configuration.js";
import { retryAfter } from "./retry-after.js";
import type { GroupResume } from "./stream-group.js";

/** Most characters of the text of an `error` frame. The text may repeat what the client sent, so it needs a limit. */
const messageMax = 200;

/** What `hello` says of a connection. */
export interface Greeting {
  readonly connection: string;
  /** The name of the instance. Empty for a connection that gets all instances of an account. */
  readonly instance: string;
  /** The version of the channel configuration. */
  readonly version: number;
  readonly filter: Filter;
  /** How the connection ended that the client named. Null when it named none. */
  readonly previous: PreviousClose | null;
  /** How much history is kept. Undefined when none is. */
  readonly history: HistoryReach | undefined;
  /** Where the live events begin. Undefined when no history is kept. */
  readonly position: string | undefined;
  /** Whether the connection goes on after the position that the client named. Undefined when the client did not ask. */
  readonly resume: GroupResume | undefined;
  /** How many earlier events follow. */
  readonly replayed: number;
  readonly heartbeatSeconds: number;
  readonly waitingBytesMax: number;
}

/** Why a connection does not go on after a position. */
const resumeRefusals: Record<ResumeRefusal | "off", string> = {
  off: "no history is kept",
  malformed: "the text is not a position",
  another_history: "the position is of another history",
  expired: "the history does not reach back to the position",
  away: "the history is away",
};

export function helloFrame({ connection, instance, version, filter, previous, resume, ...more }: Greeting): HelloFrame {
  const { history, position, replayed, heartbeatSeconds, waitingBytesMax } = more;
  return {
    control: "hello",
    connection,
    instance,
    filter: effectiveFilter(filter),
    configurationVersion: version,
    history: history ?? null,
    position: position ?? null,
    resumed: resume === undefined ? null : "after" in resume,
    resumeRefusal: resume !== undefined && "refusal" in resume ? resumeRefusals[resume.refusal] : null,
    replayed,
    heartbeatSeconds,
    waitingFramesMax,
    waitingBytesMax,
    time: timeText(Date.now()),
    previous,
  };
}

export function configChangedFrame(
  { instance, enabled, version }: Configuration,
  filter: Filter,
  change: "created" | "changed" = "changed",
): ConfigChangedFrame {
  return {
    control: "config_changed",
    instance: instance.name,
    enabled,
    filter: effectiveFilter(filter),
    configurationVersion: version,
    change,
  };
}

/** Tells a consumer of a whole account that an instance was deleted. No event of the instance follows. */
export function instanceDeletedFrame(name: string): ConfigChangedFrame {
  return {
    control: "config_changed",
    instance: name,
    enabled: false,
    filter: { events: [], mediaBase64: false },
    configurationVersion: 0,
    change: "deleted",
  };
}

/** `instance` is the name of the instance whose events are missing, or null when events of every instance may be missing. */
export function gapFrame({ reason, from, until, missed }: HistoryGap, instance: string | null): GapFrame {
  return {
    control: "gap",
    reason,
    from: timeText(from),
    until: timeText(until),
    missed: missed ?? null,
    instance,
  };
}

/**
 * Tells a consumer that cannot go on after a position which events may be missing: those from `from` on, in milliseconds since 1970.
 * `instance` is the name in `hello`.
 */
export function refusalGapFrame(from: number, instance: string): GapFrame {
  return gapFrame({ reason: "history_expired", from, until: Date.now() }, instance === "" ? null : instance);
}

export function positionFrame(position: string | undefined): PositionFrame {
  return { control: "position", position: position ?? null, time: timeText(Date.now()) };
}

export function narrowedFrame(filter: Filter): NarrowedFrame {
  return { control: "narrowed", filter: effectiveFilter(filter) };
}

/** How many frames and bytes waited for a connection when its close was decided. */
export interface Waited {
  readonly waitingFrames: number;
  readonly waitingBytes: number;
  /** The position of the last event that the connection was handed. */
  readonly position?: string | undefined;
}

export function closingFrame(close: Close, { waitingFrames, waitingBytes, position }: Waited): ClosingFrame {
  return {
    control: "closing",
    code: close.code,
    reason: close.reason,
    reconnect: closeRow(close.code)?.reconnect ?? false,
    retryAfterMs: retryAfter(close),
    waitingFrames,
    waitingBytes,
    position: position ?? null,
  };
}

export function errorFrame(message: string): ErrorFrame {
  return { control: "error", message: message.slice(0, messageMax) };
}

export function pongFrame(): PongFrame {
  return { control: "pong", time: timeText(Date.now()) };
}

function effectiveFilter({ types, mediaBase64 }: Filter): EffectiveFilter {
  const events = eventTypes.filter((type) => (types & (eventTypeBit.get(type) as number)) !== 0);
  return { events, mediaBase64 };
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
