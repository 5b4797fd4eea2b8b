/** Finds out from the first bytes of a connection whether its client speaks HTTP/1.1 or HTTP/2. */

import type { Socket } from "node:net";

/** The first bytes of every HTTP/2 connection (RFC 9113, section 3.4). No HTTP/1.1 request begins with these bytes. */
const preface = Buffer.from("PRI * HTTP/2.0");

export interface SniffOptions {
  /**
   * Called once, when the protocol is known. `seen` are the bytes that were read. They have been put back, so the next
   * reader of the socket gets them again.
   */
  readonly decided: (protocol: "http1" | "http2", seen: Buffer) => void;
  /** Longest time until a connection has shown its protocol, in milliseconds. After that the connection is cut. */
  readonly timeoutMs: number;
}

export function sniff(socket: Socket, { decided, timeoutMs }: SniffOptions): void {
  let seen: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), timeoutMs);

  function read(): void {
    const bytes: Buffer | null = socket.read();
    if (bytes === null) return;
    seen = Buffer.concat([seen, bytes]);
    const compared = Math.min(seen.length, preface.length);
    const isPrefix = seen.subarray(0, compared).equals(preface.subarray(0, compared));
    if (isPrefix && compared < preface.length) return;
    stop();
    socket.unshift(seen);
    decided(isPrefix ? "http2" : "http1", seen);
  }

  function stop(): void {
    clearTimeout(timer);
    socket.off("readable", read);
    socket.off("end", cut);
    socket.off("close", stop);
  }

  /** Called when the peer has ended the connection before it showed its protocol. */
  function cut(): void {
    socket.destroy();
  }

  socket.on("readable", read);
  socket.on("end", cut);
  socket.on("close", stop);
}
