/** A WebSocket consumer. It gives its frames as text, one after the other, and says how its socket ended. */

import { once } from "node:events";
import { onTestFinished } from "vitest";
import { type ClientOptions, WebSocket } from "ws";

export interface Consumer {
  readonly socket: WebSocket;
  /** The next frame that was not taken yet. Rejects when the socket closes first. */
  next(): Promise<string>;
  /** This many frames. */
  take(count: number): Promise<string[]>;
  /** The close code and reason that the server sent. */
  readonly closed: Promise<readonly [code: number, reason: string]>;
}

/** `path` is like `/ws/desk-1?token=…`. The consumer is closed with its test. */
export async function openConsumer(
  url: string,
  path: string,
  options: ClientOptions = {},
  subprotocols: string[] = [],
): Promise<Consumer> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}${path}`, subprotocols, options);
  const frames: string[] = [];
  let end: readonly [number, string] | undefined;
  let wake: (() => void) | undefined;
  socket.on("message", (frame: Buffer) => {
    frames.push(frame.toString());
    wake?.();
  });
  const closed = new Promise<readonly [number, string]>((resolve) => {
    socket.on("close", (code, reason) => {
      end = [code, reason.toString()];
      wake?.();
      resolve(end);
    });
  });
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  // `closed` reports a broken connection.
  socket.on("error", () => {});

  async function next(): Promise<string> {
    for (;;) {
      const frame = frames.shift();
      if (frame !== undefined) return frame;
      if (end !== undefined) throw new Error(`The socket was closed with ${end[0]} ${end[1]}.`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  return {
    socket,
    next,
    closed,
    async take(count) {
      const taken: string[] = [];
      while (taken.length < count) taken.push(await next());
      return taken;
    },
  };
}

/** The parsed `data` of a frame. */
export function dataOf(frame: string): Record<string, unknown> {
  return JSON.parse(frame).data;
}
