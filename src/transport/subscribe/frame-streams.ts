/** Gives the streams of consumers to delivery: one view for each form of messages, event types and wish for media. */

import type { EventFormatOptions } from "../../delivery/frames/frame.js";
import type { Hub } from "../../delivery/hub.js";
import type { View } from "../../delivery/view.js";
import { shuttingDown } from "../../domain/closes.js";
import { AppError } from "../../domain/errors.js";
import { eventTypeBit, isEventType } from "../../domain/event-type.js";
import { allTypes } from "../../domain/filter.js";
import type { FrameStreams } from "../../rpc/streams/frame-streams.js";
import { addWritable, type WritableConnection, type WritableFanOut } from "../node/fan-out.js";
import { createFrameFormats } from "./frame-formats.js";

export interface FrameStreamsOptions extends EventFormatOptions {
  readonly hub: Hub;
  /** Shared by the streams of all ports, so that they share their frames too. */
  readonly fanOut: WritableFanOut;
  /** Aborted when the node begins to shut down. From then on no stream is opened. */
  readonly draining: AbortSignal;
  /**
   * Longest life of a stream whose peer answers no pings, in seconds. At a random moment of the last tenth the stream is
   * closed with 1001. 0 means no limit.
   */
  readonly http1StreamSeconds: number;
}

export function createFrameStreams(options: FrameStreamsOptions): FrameStreams {
  const { hub, fanOut, draining, http1StreamSeconds } = options;
  const formatOf = createFrameFormats(options);
  return {
    reserve(scope, asked) {
      if (draining.aborted) throw new AppError("SHUTTING_DOWN");
      return hub.reserve(scope, formatOf({ json: false, text: false }), asked);
    },

    open(sink, { scope, principal, events, typesMax, media, asked }, form) {
      const types = typesOf(events) & typesMax;
      const view: View<WritableConnection> = { format: formatOf(form), fanOut, types, media };
      const connection: WritableConnection = {
        writable: sink.writable,
        ping: () => sink.ping(() => hub.ponged(consumer)),
        end: sink.end,
        cut: sink.cut,
      };
      const consumer = addWritable(hub, connection, scope, principal, view, asked);
      if (!sink.answersPings && http1StreamSeconds > 0) {
        const ageMs = http1StreamSeconds * 1_000 * (1 - Math.random() / 10);
        const timer = setTimeout(() => hub.end(consumer, shuttingDown), ageMs).unref();
        sink.writable.once("close", () => clearTimeout(timer));
      }
      return { leave: () => hub.remove(consumer) };
    },
  };
}

function typesOf(events: readonly string[]): number {
  if (events.length === 0) return allTypes;
  return events.filter(isEventType).reduce((bits, type) => bits | (eventTypeBit.get(type) ?? 0), 0);
}
