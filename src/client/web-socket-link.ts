/** Links over the standard WebSocket of browsers, Deno, Bun and Node.js 22. */

import { ticketUrl, withTicket } from "./address.js";
import { type Dial, type Link, type LinkEnd, type LinkListener, protocolName, withoutCloseFrame } from "./link.js";
import { exchangeToken } from "./ticket-exchange.js";

/** The part of the standard interface that a link uses. */
interface StandardSocket {
  readonly readyState: number;
  readonly protocol: string;
  onopen: (() => void) | null;
  onmessage: ((message: { readonly data: unknown }) => void) | null;
  onerror: (() => void) | null;
  onclose: ((close: { readonly code: number; readonly reason: string }) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** The constructor of a WebSocket with the standard interface. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => unknown;

const openState = 1;

/** Makes links with this constructor. A standard WebSocket sends no headers, so a token is exchanged for a ticket first. */
export function dialStandard(WebSocket: WebSocketConstructor): Dial {
  const open = opener(WebSocket);
  return ({ url, token }, listener) => {
    if (token === undefined) return open(url, listener);
    const leaving = new AbortController();
    let link: Link | undefined;
    void exchangeToken(ticketUrl(url), token, leaving.signal).then((exchanged) => {
      if (leaving.signal.aborted) return;
      if ("end" in exchanged) listener.ended(exchanged.end);
      else link = open(withTicket(url, exchanged.ticket), listener);
    });
    function leave(): void {
      // A browser then also gives up the connection on which the request waits, which may be silent.
      leaving.abort();
      link?.close();
    }
    return { send: (text) => link?.send(text), close: leave, drop: leave };
  };
}

function opener(WebSocket: WebSocketConstructor) {
  return (url: string, listener: LinkListener): Link => {
    let over = false;
    let socket: StandardSocket | undefined;
    function end(how: LinkEnd): void {
      if (over) return;
      over = true;
      listener.ended(how);
    }
    function leave(): void {
      over = true;
      // Of the codes below 3000 browsers let a page send only 1000.
      socket?.close(1000);
    }

    try {
      socket = new WebSocket(url, [protocolName]) as StandardSocket;
    } catch (cause) {
      queueMicrotask(() => end({ code: withoutCloseFrame, reason: messageOf(cause), cause }));
      return { send() {}, close: leave, drop: leave };
    }
    const opened = socket;
    opened.onopen = () => {
      if (over || opened.protocol === protocolName) return;
      opened.close(1000);
      end({ code: withoutCloseFrame, reason: `the peer does not speak ${protocolName}` });
    };
    opened.onmessage = ({ data }) => {
      if (!over && typeof data === "string") listener.received(data);
    };
    // The event `error` says nothing that `close` does not say. Some libraries end the process when nothing handles it.
    opened.onerror = () => {};
    opened.onclose = ({ code, reason }) => {
      end({ code, reason: reason || (code === withoutCloseFrame ? "the connection was lost" : "") });
    };
    return {
      send: (text) => {
        if (!over && opened.readyState === openState) opened.send(text);
      },
      close: leave,
      drop: leave,
    };
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
