/** The views of WebSockets: what they see of an instance, by the protocol for which the client has asked. */

import { createEventJsonFormat } from "../../delivery/frames/event-json.js";
import { createPlainFormat, type PlainFormatOptions } from "../../delivery/frames/plain.js";
import { type View, wholeView } from "../../delivery/view.js";
import type { UwsFanOut } from "./fan-out.js";
import type { UwsSocket } from "./socket.js";

export interface SocketViews {
  readonly plain: View<UwsSocket>;
  /** The view of a plain client with a ticket. Its frames have no token, because a ticket must not lead to a token. */
  readonly plainByTicket: View<UwsSocket>;
  /** The view of a client of `eventwire.v1` that wants all types. */
  readonly v1: View<UwsSocket>;
}

export function createSocketViews(fanOut: UwsFanOut, options: PlainFormatOptions): SocketViews {
  const plain = wholeView(createPlainFormat(options), fanOut);
  return {
    plain,
    plainByTicket: options.frameTokens
      ? wholeView(createPlainFormat({ ...options, frameTokens: false }), fanOut)
      : plain,
    v1: wholeView(createEventJsonFormat(options), fanOut),
  };
}
