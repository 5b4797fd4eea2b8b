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
import type { BusGap } from "../bus/bus.js";
import { type Close, closeRow } from "../domain/closes.js";
import { eventTypeBit, eventTypes } from "../domain/event-type.js";
import type { Filter } from "../domain/filter.js";
import { waitingFramesMax } from "./backlog.js";
import type { Configuration } from "./configuration.js";
import type { Asked } from "./hub.js";
import { retryAfter } from "./retry-after.js";

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
  readonly asked: Asked;
  readonly heartbeatSeconds: number;
  readonly waitingBytesMax: number;
}

/** Why no connection goes on after an earlier one. */
const resumeRefusal = "no history is kept";

export function helloFrame({ connection, instance, version, filter, asked, ...limits }: Greeting): HelloFrame {
  const isRefused = asked.after !== undefined;
  return {
    control: "hello",
    connection,
    instance,
    filter: effectiveFilter(filter),
    configurationVersion: version,
    history: null,
    position: null,
    resumed: isRefused ? false : null,
    resumeRefusal: isRefused ? resumeRefusal : null,
    replayed: 0,
    heartbeatSeconds: limits.heartbeatSeconds,
    waitingFramesMax,
    waitingBytesMax: limits.waitingBytesMax,
    time: timeText(Date.now()),
    previous: asked.previous === undefined ? null : unknownClose(asked.previous),
  };
}

/** Ends of connections are not kept, so no node knows how an earlier connection ended. */
function unknownClose(connection: string): PreviousClose {
  return { connection, code: 0, reason: "unknown", waitingFrames: 0, waitingBytes: 0 };
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
export function gapFrame({ reason, from, until, missed }: BusGap, instance: string | null): GapFrame {
  return {
    control: "gap",
    reason,
    from: timeText(from),
    until: timeText(until),
    missed: missed ?? null,
    instance,
  };
}

export function positionFrame(): PositionFrame {
  return { control: "position", position: null, time: timeText(Date.now()) };
}

export function narrowedFrame(filter: Filter): NarrowedFrame {
  return { control: "narrowed", filter: effectiveFilter(filter) };
}

/** How many frames and bytes waited for a connection when its close was decided. */
export interface Waited {
  readonly waitingFrames: number;
  readonly waitingBytes: number;
}

export function closingFrame(close: Close, { waitingFrames, waitingBytes }: Waited): ClosingFrame {
  return {
    control: "closing",
    code: close.code,
    reason: close.reason,
    reconnect: closeRow(close.code)?.reconnect ?? false,
    retryAfterMs: retryAfter(close),
    waitingFrames,
    waitingBytes,
    position: null,
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
