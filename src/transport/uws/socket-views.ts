/** The views of WebSockets: what they see of an instance, by the protocol for which the client has asked. */

import { createEventJsonFormat } from "../../delivery/frames/event-json.js";
import type { EventFormatOptions } from "../../delivery/frames/frame.js";
import { createPlainFormat } from "../../delivery/frames/plain.js";
import { type View, wholeView } from "../../delivery/view.js";
import type { UwsFanOut } from "./fan-out.js";
import type { UwsSocket } from "./socket.js";

export interface SocketViews {
  readonly plain: View<UwsSocket>;
  /** The view of a client of `eventwire.v1` that wants all types. */
  readonly v1: View<UwsSocket>;
}

export function createSocketViews(fanOut: UwsFanOut, options: EventFormatOptions): SocketViews {
  return {
    plain: wholeView(createPlainFormat(options), fanOut),
    v1: wholeView(createEventJsonFormat(options), fanOut),
  };
}
