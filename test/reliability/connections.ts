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
  /** Empty for all that the instance's filter takes. A plain socket cannot ask for fewer. */
  readonly events: readonly EventType[];
}

/** What a control frame may have, over a socket and in a stream. */
export interface ControlTold {
  readonly control: string;
  readonly filter?: { readonly events: readonly string[] } | undefined;
  readonly from?: string;
  readonly until?: string;
  readonly instance?: string | null | undefined;
  readonly code?: number;
}

export interface Listener {
  /** A plain socket is open. The other kinds say it with `hello`. */
  opened(): void;
  /** `data`: text that has the begin of the event's data. */
  event(data: string): void;
  control(frame: ControlTold): void;
  /** Called once, also when the connection could not be opened. */
  ended(code: number | string, reason: string): void;
}

export interface Connection {
  /** Stops reading. */
  pause(): void;
  resume(): void;
  /** Ends it at once, without a word to the node. */
  cut(): void;
  /** Only sockets of `eventwire.v1` can. */
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
