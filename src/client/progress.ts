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
    if ("event" in frame) {
      this.#time = frame.time;
      if (frame.position !== undefined) this.position = frame.position;
    } else if (frame.control === "position") {
      this.#time = frame.time;
      this.position = frame.position ?? this.position;
    } else if (frame.control === "hello") return this.#begin(frame);
    return undefined;
  }

  /** Returns the gap between the last link and this one, unless the gateway resumes after the last link. */
  #begin(hello: HelloFrame): GapFrame | undefined {
    const since = this.#time;
    this.hello = hello;
    this.#time = hello.time;
    if (hello.resumed === true) return undefined;
    this.position = hello.position ?? undefined;
    if (since === undefined) return undefined;
    const from = new Date(Date.parse(since) - clockDifferenceMs).toISOString();
    return { control: "gap", reason: "disconnected", from, until: hello.time, missed: null, instance: null };
  }
}
