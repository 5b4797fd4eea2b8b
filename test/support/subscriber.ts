/** A consumer of Subscribe, over any transport of the Connect library. It gives its frames one after the other. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { type CallOptions, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { onTestFinished } from "vitest";
import {
  type SubscribeRequestSchema,
  type SubscribeResponse,
  SubscriptionService,
} from "../../gen/eventwire/v1/subscription_service_pb.js";

export type StreamFrame = SubscribeResponse["frame"];

export interface Subscriber {
  readonly frames: StreamFrame[];
  /** The next frame that was not taken yet. Rejects when the stream ends first. */
  next(): Promise<StreamFrame>;
  /** The `data` of the next events, parsed. Control frames between them are skipped. */
  data(count: number): Promise<unknown[]>;
  /** The error with which the stream ended; undefined when it ended without one. */
  readonly ended: Promise<ConnectError | undefined>;
  readonly header: Promise<Headers>;
  /** Reads no further frames until `resume`, so that the gateway has to wait. */
  pause(): void;
  resume(): void;
  cancel(): void;
}

/** The stream is cancelled with its test. */
export function subscribe(
  transport: Transport,
  token: string,
  request: MessageInitShape<typeof SubscribeRequestSchema>,
  options: CallOptions = {},
): Subscriber {
  const controller = new AbortController();
  const frames: StreamFrame[] = [];
  let end: { error: ConnectError | undefined } | undefined;
  let wake: (() => void) | undefined;
  let paused: Promise<void> | undefined;
  let resume: () => void = () => {};
  let onHeader: (header: Headers) => void = () => {};
  const header = new Promise<Headers>((resolve) => (onHeader = resolve));
  const call = createClient(SubscriptionService, transport).subscribe(request, {
    ...options,
    headers: { token },
    signal: controller.signal,
    onHeader,
  });
  async function read(): Promise<ConnectError | undefined> {
    try {
      for await (const { frame } of call) {
        frames.push(frame);
        wake?.();
        await paused;
      }
      return undefined;
    } catch (error) {
      return ConnectError.from(error);
    }
  }
  const ended = read().then((error) => {
    end = { error };
    wake?.();
    return error;
  });
  onTestFinished(() => controller.abort());

  async function next(): Promise<StreamFrame> {
    for (;;) {
      const frame = frames.shift();
      if (frame !== undefined) return frame;
      if (end !== undefined) throw end.error ?? new Error("The stream has ended.");
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return {
    frames,
    next,
    ended,
    header,
    pause() {
      paused = new Promise((resolve) => (resume = resolve));
    },
    resume() {
      paused = undefined;
      resume();
    },
    cancel: () => controller.abort(),
    async data(count) {
      const taken: unknown[] = [];
      while (taken.length < count) {
        const { case: kind, value } = await next();
        if (kind === "event") taken.push(JSON.parse(Buffer.from(value.payload.value as Uint8Array).toString()));
      }
      return taken;
    },
  };
}
