/** A WebSocket consumer: its frames as text, one after the other, and how its socket ended. */

import { once } from "node:events";
import { onTestFinished } from "vitest";
import { type ClientOptions, WebSocket } from "ws";

export interface Consumer {
  readonly socket: WebSocket;
  /** The next frame that was not taken yet; rejects when the socket closes instead. */
  next(): Promise<string>;
  /** So many of them. */
  take(count: number): Promise<string[]>;
  /** How the server ended it: code and reason. */
  readonly closed: Promise<readonly [code: number, reason: string]>;
}

/** `path` as in `/ws/desk-1?token=…`. Ends with its test. */
export async function openConsumer(url: string, path: string, options: ClientOptions = {}): Promise<Consumer> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}${path}`, options);
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
  // A broken connection is told by `closed`.
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

/** `data` of a frame, parsed. */
export function dataOf(frame: string): Record<string, unknown> {
  return JSON.parse(frame).data;
}
