/** A WebSocket consumer of `eventwire.v1`, which reads control frames and events apart. */

import type { ControlFrame } from "../../gen/frames.js";
import { type Consumer, openConsumer } from "./consumer.js";

/** A control frame as a test looks at it. */
export type Control = ControlFrame & Record<string, unknown>;

export interface V1Consumer extends Consumer {
  /** The next frame, parsed. */
  frame(): Promise<Control & { readonly event?: string; readonly data?: unknown }>;
  send(message: object | string): void;
  /** Reads to the end: the last frame, and the close code with its reason. */
  end(): Promise<{ readonly last: Control; readonly close: readonly [number, string] }>;
}

export async function openV1(url: string, path: string): Promise<V1Consumer> {
  const consumer = await openConsumer(url, path, {}, ["eventwire.v1"]);
  return {
    ...consumer,
    frame: async () => JSON.parse(await consumer.next()),
    send: (message) => consumer.socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    async end() {
      let last = "null";
      for (;;) {
        const frame = await consumer.next().catch(() => undefined);
        if (frame === undefined) return { last: JSON.parse(last), close: await consumer.closed };
        last = frame;
      }
    },
  };
}
