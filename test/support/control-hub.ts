/** Hubs whose consumers get control frames as JSON text, over both kinds of connection. */

import type { ControlFrame } from "../../gen/frames.js";
import { createEventJsonFormat } from "../../src/delivery/frames/event-json.js";
import type { FrameFormat } from "../../src/delivery/frames/frame.js";
import type { Asked } from "../../src/delivery/hub.js";

import type { Scope } from "../../src/delivery/stream-registry.js";

import { wholeView } from "../../src/delivery/view.js";
import { type EventType, eventTypeBit, eventTypes } from "../../src/domain/event-type.js";
import {
  entry,
  type FakeConnection,
  type FakeHubOptions,
  fakeHub,
  fakeStreamHub,
  plainFormat,
  principal,
} from "./fake-hub.js";
import { framedFormat } from "./framed-format.js";

export const controlFormat: FrameFormat = {
  ...plainFormat,
  controlFrame: (control) => Buffer.from(JSON.stringify(control)),
};

/** The format of `eventwire.v1`, whose events have positions. Only a hub with a history needs it. */
export const positionFormat = createEventJsonFormat({ baseUrl: "http://x", mediaMaxBytes: 1_000 });

function formatFor({ history }: FakeHubOptions): FrameFormat {
  return history === undefined ? controlFormat : positionFormat;
}

export function bitsOf(...types: readonly EventType[]): number {
  return types.reduce((bits, type) => bits | (eventTypeBit.get(type) as number), 0);
}

const every = bitsOf(...eventTypes);

function overSockets(options: FakeHubOptions = {}) {
  const parts = fakeHub(options);
  const view = wholeView(formatFor(options), parts.fanOut);
  const open = (room?: number, at: Scope = entry("1"), types = every, asked?: Asked): FakeConnection =>
    parts.open(room, at, principal, { ...view, types }, asked);
  return { ...parts, open, openPlain: (room?: number): FakeConnection => parts.open(room) };
}

function overStreams(options: FakeHubOptions = {}) {
  const parts = fakeStreamHub(options);
  const view = wholeView(framedFormat(formatFor(options)), parts.fanOut);
  const open = (room?: number, at: Scope = entry("1"), types = every, asked?: Asked): FakeConnection =>
    parts.open(room, at, principal, { ...view, types }, asked);
  return { ...parts, open, openPlain: (room?: number): FakeConnection => parts.open(room) };
}

export type ControlHub = Omit<ReturnType<typeof overSockets>, "fanOut">;

export const controlHubs: readonly (readonly [string, (options?: FakeHubOptions) => ControlHub])[] = [
  ["WebSockets of uWebSockets", overSockets],
  [
    "WebSockets of uWebSockets, large frames in fragments",
    (options) => overSockets({ copyLimit: { min: 0, perSocket: 0 }, ...options }),
  ],
  ["streams of Node", overStreams],
];

/** A control frame as a test looks at it. */
export type Control = ControlFrame & Record<string, unknown>;

/** The control frame that these bytes are; undefined for an event. */
export function controlIn(frame: Buffer): Control | undefined {
  return frame.toString("latin1", 0, 11) === '{"control":' ? JSON.parse(frame.toString()) : undefined;
}

/** What arrived, in order: the numbers of events, and the names of control frames. */
export function story({ received }: FakeConnection): (number | string)[] {
  return received.map((text) => {
    const frame = JSON.parse(text);
    return frame.control ?? frame.data.n;
  });
}

export function controls({ received }: FakeConnection): Control[] {
  return received.map((text) => JSON.parse(text)).filter(({ control }) => control !== undefined);
}

/** The last control frame that arrived. */
export function lastControl(connection: FakeConnection): Control | undefined {
  return controls(connection).at(-1);
}
