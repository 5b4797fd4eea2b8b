/**
 * A view says what a consumer wants to see of an instance. Consumers of one instance with the same view share a stream.
 */

import { allTypes, type Filter } from "../domain/filter.js";
import type { FanOut } from "./fan-out.js";
import type { FrameFormat } from "./frames/frame.js";

export interface View<Connection = unknown> {
  readonly format: FrameFormat;
  /** The fan-out by which its frames leave. */
  readonly fanOut: FanOut<Connection>;
  /** The bits of the wanted types (`eventTypeBit`). They only narrow what the channel configuration takes. */
  readonly types: number;
  /** False: no media, whatever the channel configuration says. */
  readonly media: boolean;
}

/** The view of a consumer that asks for nothing: what the channel configuration takes. */
export function wholeView<Connection>(format: FrameFormat, fanOut: FanOut<Connection>): View<Connection> {
  return { format, fanOut, types: allTypes, media: true };
}

export function sameView(a: View, b: View): boolean {
  return a === b || (a.format === b.format && a.fanOut === b.fanOut && a.types === b.types && a.media === b.media);
}

/** What a view leaves of the filter of a channel configuration. */
export function narrow(filter: Filter, view: View): Filter {
  return { types: filter.types & view.types, mediaBase64: filter.mediaBase64 && view.media };
}
