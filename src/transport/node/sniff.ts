/** Tells HTTP/2 with prior knowledge from HTTP/1.1 by the first bytes of a connection. */

import type { Socket } from "node:net";

/** The first bytes of every HTTP/2 connection (RFC 9113, section 3.4). No method of HTTP/1.1 begins like this. */
const preface = Buffer.from("PRI * HTTP/2.0");

export interface SniffOptions {
  /** Called once, with all bytes that were read put back. `seen` are these bytes. */
  readonly decided: (protocol: "http1" | "http2", seen: Buffer) => void;
  /** A connection that has not shown its protocol after this time is cut. */
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

  /** The peer closed the connection before it had shown its protocol. */
  function cut(): void {
    socket.destroy();
  }

  socket.on("readable", read);
  socket.on("end", cut);
  socket.on("close", stop);
}
