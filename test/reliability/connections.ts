/** The ways in which a reader can be connected, all with the same few handles. */

import type { EventType } from "../../src/domain/event-type.js";
import type { NodeProcess } from "./cluster.js";
import { dialPlain, dialV1 } from "./sockets.js";
import { dialConnect, dialGrpc } from "./subscribe-streams.js";

export interface Address {
  readonly process: NodeProcess;
  readonly token: string;
  /** Empty for all instances of the account. */
  readonly instance: string;
  /** The event types to ask for. Empty for all that the instance's filter takes; a plain socket cannot ask for fewer. */
  readonly events: readonly EventType[];
  /** The position to go on after. */
  readonly after: string | undefined;
}

/** What a control frame may have, over a socket and in a stream. */
export interface ControlTold {
  readonly control: string;
  readonly filter?: { readonly events: readonly string[] } | undefined;
  readonly reason?: string;
  readonly from?: string;
  readonly until?: string;
  readonly instance?: string | null | undefined;
  readonly code?: number;
  readonly position?: string | null | undefined;
  readonly resumed?: boolean | null | undefined;
  readonly resumeRefusal?: string | null | undefined;
}

export interface Listener {
  /** Called when a plain socket is open. The other kinds of connections get a `hello`. */
  opened(): void;
  /** `data` is the first part of the event's data, as text. A plain socket's events have no position. */
  event(data: string, position?: string): void;
  control(frame: ControlTold): void;
  /** Called once, also after an attempt that failed. */
  ended(code: number | string, reason: string): void;
}

export interface Connection {
  /** Stops reading. */
  pause(): void;
  resume(): void;
  /** Ends the connection at once, without a word to the node. */
  cut(): void;
  /** Asks for other event types. Only sockets of `eventwire.v1` can. */
  narrow?(events: readonly EventType[]): void;
}

export type Dial = (address: Address, listener: Listener) => Connection;

export const plainKind = "plain socket";

/** By kind. */
export const dials: Readonly<Record<string, Dial>> = {
  [plainKind]: dialPlain,
  "WebSocket of eventwire.v1": dialV1,
  gRPC: dialGrpc,
  "Connect over HTTP/1.1": dialConnect,
};
