/**
 * The consumers that read older events of the history before they join their stream. Such a consumer is a position: it
 * reads the history as fast as its connection takes frames, so that nothing else waits for it. The history and the stream get
 * each new event at the same time. So a consumer that finds no further event in the history joins the stream at once, and
 * misses none and gets none twice.
 *
 * What is announced to the stream meanwhile, such as a changed filter, such a consumer is told before its next event. The new
 * filter then holds for the rest of the older events.
 */

import type { Consumer } from "./consumer.js";
import type { Frame } from "./frames/frame.js";
import { SharedFrames } from "./shared-frames.js";
import type { Stream } from "./stream.js";

/** How many events are read from the history at a time. */
const readMax = 64;
/** About how many bytes of frames are handed over at a time. */
const pieceBytes = 16 * 1024;
/** About how many bytes a consumer gets in one turn of the event loop. */
const turnBytes = 64 * 1024;
/** How long all replays together may take in one turn of the event loop, in milliseconds. */
const turnMs = 5;
/** Most announcements that may wait for a consumer that does not read. */
const notesMax = 256;

interface Replay {
  /** The position before the frames that were handed over last. */
  before: string;
  /** The position of the last event that was read. */
  reached: string;
  /** How many frames were handed over. */
  frames: number;
  /** How many bytes were handed over that do not make a whole KiB. */
  bytes: number;
  /** Announcements that the consumer has not got yet. */
  notes: Frame[];
}

export interface ReplaysOptions {
  /** Called when a consumer has joined its stream, with the number of frames that it was given before. */
  readonly onJoined: (consumer: Consumer, frames: number) => void;
  /**
   * Called for a consumer that is too slow: the history has dropped its next event, or too many announcements wait for it. Close the
   * consumer in the same turn.
   */
  readonly onOvertaken: (consumer: Consumer) => void;
  /** Called with the number of frames that a consumer was given. */
  readonly onDelivered: (frames: number) => void;
}

export class Replays {
  readonly #options: ReplaysOptions;
  readonly #replays = new Map<Consumer, Replay>();
  /** The consumers that may get frames in the next turn. */
  readonly #due = new Set<Consumer>();
  readonly #frames = new SharedFrames();

  constructor(options: ReplaysOptions) {
    this.#options = options;
  }

  /** Lets a new consumer read the history after a position that counts. */
  begin(consumer: Consumer, position: string): void {
    this.#replays.set(consumer, { before: position, reached: position, frames: 0, bytes: 0, notes: [] });
    consumer.stream.addReplaying(consumer);
    this.#due.add(consumer);
  }

  has(consumer: Consumer): boolean {
    return this.#replays.has(consumer);
  }

  /** Whether a consumer may get more frames in the next turn. */
  get waiting(): boolean {
    return this.#due.size > 0;
  }

  /** Tells all consumers that read the history and then join this stream. */
  announce(stream: Stream, frame: Frame): void {
    for (const consumer of stream.replaying) this.#note(consumer, frame);
  }

  /** Lets a consumer join another stream than the one that it was to join. `frame` tells the consumer so. */
  change(consumer: Consumer, to: Stream, frame: Frame): void {
    consumer.stream.remove(consumer);
    consumer.readIn(to);
    to.addReplaying(consumer);
    this.#note(consumer, frame);
  }

  /** Notes that a blocked consumer has got everything that waited for it. */
  caughtUp(consumer: Consumer): void {
    if (this.#replays.has(consumer)) this.#due.add(consumer);
  }

  /** Gives the consumers what they take in this turn. Call it before the streams give their frames. */
  proceed(): void {
    if (this.#due.size === 0) return;
    const until = performance.now() + turnMs;
    for (const consumer of [...this.#due]) {
      this.#due.delete(consumer);
      const replay = this.#replays.get(consumer);
      if (replay === undefined || consumer.blocked) continue;
      this.#proceed(consumer, replay);
      // The consumer goes to the end of the queue.
      if (this.#replays.has(consumer) && !consumer.blocked) this.#due.add(consumer);
      if (performance.now() >= until) return;
    }
  }

  /** What is known of a consumer that reads the history: the position of its last event, and its number of frames. */
  describe(consumer: Consumer): { readonly position: string | undefined; readonly frames: number } | undefined {
    const replay = this.#replays.get(consumer);
    if (replay === undefined) return undefined;
    const { before, reached, frames } = replay;
    return { position: consumer.blocked ? (consumer.handed?.position ?? before) : reached, frames };
  }

  /** Ends the replay of a consumer that has joined, whose close is decided, or whose connection is gone. */
  end(consumer: Consumer): void {
    this.#replays.delete(consumer);
    this.#due.delete(consumer);
  }

  #note(consumer: Consumer, frame: Frame): void {
    const replay = this.#replays.get(consumer);
    if (replay === undefined) return;
    if (replay.notes.push(frame) > notesMax) this.#options.onOvertaken(consumer);
    this.#due.add(consumer);
  }

  #proceed(consumer: Consumer, replay: Replay): void {
    const { notes } = replay;
    replay.notes = [];
    replay.before = replay.reached;
    if (notes.length > 0) this.#give(consumer, replay, notes, []);
    for (let given = 0; given < turnBytes && !consumer.blocked; ) {
      const bytes = this.#piece(consumer, replay);
      if (bytes === undefined) return;
      given += bytes;
    }
  }

  /** Hands over the next piece, and returns its bytes. Undefined when the replay has ended. */
  #piece(consumer: Consumer, replay: Replay): number | undefined {
    const { group, selection } = consumer.stream;
    // A history of another epoch has other sequence numbers, so each piece asks whether the position counts still.
    const resume = group.resume(replay.reached);
    const events = "after" in resume ? group.following?.after(resume.after, readMax) : undefined;
    if (events === undefined) {
      this.#options.onOvertaken(consumer);
      return undefined;
    }
    if (events.length === 0) {
      this.end(consumer);
      consumer.stream.join(consumer);
      this.#options.onJoined(consumer, replay.frames);
      return undefined;
    }
    const [frames, positions]: [Frame[], string[]] = [[], []];
    let bytes = 0;
    replay.before = replay.reached;
    for (const kept of events) {
      if (bytes >= pieceBytes) break;
      replay.reached = kept.position;
      const frame = selection.replayedFrame(kept, this.#frames);
      if (frame === undefined) continue;
      frames.push(frame);
      positions.push(kept.position);
      bytes += frame.length;
    }
    if (frames.length > 0) this.#give(consumer, replay, frames, positions);
    // An event costs some time also if the consumer does not take it.
    return bytes + events.length * 16;
  }

  #give(consumer: Consumer, replay: Replay, frames: readonly Frame[], positions: readonly string[]): void {
    consumer.give(frames, positions);
    replay.frames += frames.length;
    for (const { length } of frames) replay.bytes += length;
    consumer.givenBeside(Math.floor(replay.bytes / 1024));
    replay.bytes %= 1024;
    this.#options.onDelivered(frames.length);
  }
}
