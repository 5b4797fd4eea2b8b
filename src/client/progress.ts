/** How far a connection has come: the position, the last `hello`, and what may be missing between two links. */

import type { ControlFrame, EventFrame, GapFrame, HelloFrame } from "../../gen/frames.js";

/** How much the clocks of two nodes may differ, in milliseconds. A gap begins this much before the last event. */
const clockDifferenceMs = 1_000;

export class Progress {
  hello: HelloFrame | undefined;
  position: string | undefined;
  readonly #firstPrevious: string | undefined;
  /** The time in the last frame, except pongs: a pong may arrive before events that were accepted earlier. */
  #time: string | undefined;

  constructor(after: string | undefined, previous: string | undefined) {
    this.position = after;
    this.#firstPrevious = previous;
  }

  /** The id of the last link, to present as `previous`. */
  get connection(): string | undefined {
    return this.hello?.connection ?? this.#firstPrevious;
  }

  /** Notes a frame that has arrived. Returns the gap before the frame when the client has to report one. */
  note(frame: EventFrame | ControlFrame): GapFrame | undefined {
    this.position = positionAfter(frame, this.position);
    if ("event" in frame || frame.control === "position") this.#time = frame.time;
    else if (frame.control === "hello") return this.#begin(frame);
    return undefined;
  }

  /**
   * Returns the gap between the last link and this one. Undefined when the gateway goes on after the last link, and when it
   * reports the gap itself, because it cannot.
   */
  #begin(hello: HelloFrame): GapFrame | undefined {
    const since = this.#time;
    this.hello = hello;
    this.#time = hello.time;
    if (since === undefined || hello.resumed !== null) return undefined;
    const from = new Date(Date.parse(since) - clockDifferenceMs).toISOString();
    return { control: "gap", reason: "disconnected", from, until: hello.time, missed: null, instance: null };
  }
}

/**
 * Returns the position that a consumer has after a frame; `before` is the position that it had. A frame without a position,
 * though it could have one, voids the position: no connection can go on after that frame.
 */
export function positionAfter(frame: EventFrame | ControlFrame, before: string | undefined): string | undefined {
  if ("event" in frame) return frame.position;
  if (frame.control === "position") return frame.position ?? undefined;
  // The events up to the position in the `hello` of a resumed connection have not arrived yet.
  if (frame.control === "hello" && frame.resumed !== true) return frame.position ?? undefined;
  return before;
}
