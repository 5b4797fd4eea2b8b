/** Gives the streams of consumers to delivery: one view for each form of messages, event types and wish for media. */

import type { EventFormatOptions } from "../../delivery/frames/frame.js";
import type { Hub } from "../../delivery/hub.js";
import type { View } from "../../delivery/view.js";
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
}

export function createFrameStreams(options: FrameStreamsOptions): FrameStreams {
  const { hub, fanOut, draining } = options;
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
      return { leave: () => hub.remove(consumer) };
    },
  };
}

function typesOf(events: readonly string[]): number {
  if (events.length === 0) return allTypes;
  return events.filter(isEventType).reduce((bits, type) => bits | (eventTypeBit.get(type) ?? 0), 0);
}
