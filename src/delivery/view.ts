/**
 * A view says what a consumer wants to see of an instance. Consumers of one instance with the same view share a stream.
 */

import { allTypes, type Filter } from "../domain/filter.js";
import type { FanOut } from "./fan-out.js";
import type { FrameFormat } from "./frames/frame.js";

export interface View<Connection = unknown> {
  readonly format: FrameFormat;
  /** The fan-out that writes the frames of this view to the sockets. */
  readonly fanOut: FanOut<Connection>;
  /**
   * The event types that the consumer wants, as bits (see `eventTypeBit`). The consumer gets a type only if the channel
   * configuration takes that type too.
   */
  readonly types: number;
  /** Whether the consumer wants media. A frame has media only if the channel configuration asks for media too. */
  readonly media: boolean;
}

/**
 * Makes the view of a consumer that asks for nothing. Such a consumer gets all that the channel configuration takes.
 */
export function wholeView<Connection>(format: FrameFormat, fanOut: FanOut<Connection>): View<Connection> {
  return { format, fanOut, types: allTypes, media: true };
}

export function sameView(a: View, b: View): boolean {
  return a === b || (a.format === b.format && a.fanOut === b.fanOut && a.types === b.types && a.media === b.media);
}

/**
 * Returns the filter for a view: the event types that both the view and the channel configuration take. Media is wanted
 * only if both want it.
 */
export function narrow(filter: Filter, view: View): Filter {
  return { types: filter.types & view.types, mediaBase64: filter.mediaBase64 && view.media };
}
