/** Who reads: so many plain sockets, and so many consumers of `eventwire.v1` of each kind. */

import { type EventType, eventTypes } from "../../src/domain/event-type.js";
import type { Random } from "../support/random.js";
import type { Life } from "./books.js";
import type { Channel } from "./channels.js";
import { type Connection, dials, plainKind } from "./connections.js";

/** How many there are of each sort. */
export interface Crowd {
  readonly plain: number;
  /** Consumers of `eventwire.v1`: a third each over WebSocket, gRPC and Connect. */
  readonly v1: number;
}

/** A reader over all its connections. */
export interface Reader {
  readonly kind: string;
  /** Whether the reader asks for the same event types on each connection, and to go on after its last position. */
  readonly resumes: boolean;
  /** The records of all its connections so far. */
  readonly lives: Life[];
  /** Undefined: all instances of the account. */
  readonly channel: Channel | undefined;
  connection: Connection | undefined;
  /** The record of the connection, while it is open. */
  life: Life | undefined;
  /** Ends the writing of `life`. */
  stop: () => void;
  /** The types that the reader has asked for last; empty for all. */
  events: readonly EventType[];
  /** Whether an answer to `narrow` is to come. */
  narrowing: boolean;
  /** Whether the driver has ended the connection. */
  cut: boolean;
  /** Resolves when the reader may connect again. Undefined when it need not stay away. */
  away: Promise<void> | undefined;
  /** The process that the reader must not go back to. Undefined when any process will do. */
  left: number | undefined;
}

/** Of so many consumers of one kind, one is connected to the whole account. */
const accountEvery = 9;
/** Every second consumer of a kind goes on after its last position. */
const resumesEvery = 2;
const v1Kinds = Object.keys(dials).filter((kind) => kind !== plainKind);

/** Makes the readers. None of them is connected yet. */
export function gather({ plain, v1 }: Crowd, channels: readonly Channel[]): Reader[] {
  const reader = (kind: string, channel: Channel | undefined, resumes = false): Reader => ({
    kind,
    resumes,
    lives: [],
    channel,
    connection: undefined,
    life: undefined,
    stop: () => {},
    events: [],
    narrowing: false,
    cut: false,
    away: undefined,
    left: undefined,
  });
  return [
    ...Array.from({ length: plain }, (_, i) => reader(plainKind, channels[i % channels.length])),
    ...Array.from({ length: v1 }, (_, i) => {
      const nth = Math.floor(i / v1Kinds.length);
      const channel = nth % accountEvery === 0 ? undefined : channels[nth % channels.length];
      return reader(v1Kinds[i % v1Kinds.length] as string, channel, nth % resumesEvery === 0);
    }),
  ];
}

/** Returns random event types, and half of the time none, which means all. */
export function someTypes(random: Random): EventType[] {
  return random.below(2) === 0 ? [] : eventTypes.filter(() => random.below(2) === 0);
}
