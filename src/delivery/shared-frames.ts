/**
 * Shares the large frames of replays. Many consumers that connect again at once read the same events of the history, each at
 * its own pace. A frame is built again only when no consumer holds it any more.
 */

import type { Kept } from "../history/history.js";
import type { Frame, FrameBuilder } from "./frames/frame.js";

/** Frames up to this many bytes are built for each consumer. */
const smallBytes = 4 * 1024;

interface Shared {
  readonly build: FrameBuilder;
  readonly media: boolean;
  readonly frame: WeakRef<Frame>;
}

export class SharedFrames {
  readonly #frames = new WeakMap<Kept, Shared[]>();

  /** Returns the frame that `build` makes of an event of the history. */
  frameOf(kept: Kept, build: FrameBuilder, media: boolean): Frame {
    const known = this.#frames.get(kept) ?? [];
    const same = known.find((shared) => shared.build === build && shared.media === media)?.frame.deref();
    if (same !== undefined) return same;
    const frame = build(kept.event, media, kept.position);
    if (frame.length > smallBytes) {
      const held = known.filter((shared) => shared.frame.deref() !== undefined);
      this.#frames.set(kept, [...held, { build, media, frame: new WeakRef(frame) }]);
    }
    return frame;
  }
}
