/**
 * The streams of a node whose consumers get control frames. A timer looks at each stream four times within the
 * heartbeat's time. It finds the streams that had no frame for that long, and calls `onQuiet` for each. The hub then
 * sends `position` to all consumers of the stream.
 */

import type { Stream } from "./stream.js";

/** How often the timer looks at a stream within the heartbeat's time. */
const beats = 4;
/**
 * How many groups the streams are spread over. Each tick of the timer looks at one group, so the `position` frames of
 * all quiet streams do not leave at once.
 */
const turns = 40;

/** How long a stream has had no frame. */
interface Quiet {
  /** How many frames the stream had accepted in all when the timer last looked. */
  accepted: number;
  /** How many times the timer has looked since then and found no further frame. */
  beats: number;
}

export interface ControlStreamsOptions {
  readonly heartbeatSeconds: number;
  /** Called for a stream that had no frame for `heartbeatSeconds`, or for up to a quarter less. */
  readonly onQuiet: (stream: Stream) => void;
}

export class ControlStreams {
  readonly #options: ControlStreamsOptions;
  readonly #turns: Map<Stream, Quiet>[] = Array.from({ length: turns }, () => new Map());
  #count = 0;
  #next = 0;
  #turn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ControlStreamsOptions) {
    this.#options = options;
  }

  *[Symbol.iterator](): Generator<Stream> {
    for (const turn of this.#turns) yield* turn.keys();
  }

  /** Adds a stream. Does nothing when the format of the stream has no control frames. */
  add(stream: Stream): void {
    if (!stream.hasControls) return;
    this.#turns[this.#next++ % turns]?.set(stream, { accepted: stream.accepted, beats: 0 });
    this.#count++;
    const ms = (this.#options.heartbeatSeconds * 1000) / beats / turns;
    this.#timer ??= setInterval(() => this.#beatNext(), ms).unref();
  }

  delete(stream: Stream): void {
    if (!this.#turns.some((turn) => turn.delete(stream))) return;
    if (--this.#count > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #beatNext(): void {
    this.#turn = (this.#turn + 1) % turns;
    for (const [stream, quiet] of this.#turns[this.#turn] as Map<Stream, Quiet>) this.#beat(stream, quiet);
  }

  /**
   * A frame that is seen now may have come just after the last look. So a stream counts as quiet one look earlier than after `onQuiet`,
   * whose time is known.
   */
  #beat(stream: Stream, quiet: Quiet): void {
    if (stream.accepted !== quiet.accepted) {
      quiet.accepted = stream.accepted;
      quiet.beats = 0;
    } else if (++quiet.beats >= beats - 1) {
      this.#options.onQuiet(stream);
      quiet.accepted = stream.accepted;
      quiet.beats = -1;
    }
  }
}
