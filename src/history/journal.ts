/**
 * The port of the journal: the history of all nodes as NATS JetStream keeps it. One stream holds the events in one order, and a
 * second stream holds short notes by name, which expire. A journal lives on one connection to NATS. At the first trouble the whole
 * journal ends, and its owner opens another one.
 */

import type { EventId } from "../domain/event-id.js";
import type { HistoryScope } from "./history.js";

/** What the stream says at one sequence number. */
export type Entry =
  | { readonly kind: "event"; readonly scope: HistoryScope; readonly data: Uint8Array }
  /**
   * From this entry on the history is complete again. Events that were accepted between `from`, in milliseconds since 1970, and
   * this entry may be missing. `from` is undefined when none is missing, but some were handed to consumers without a position.
   */
  | { readonly kind: "break"; readonly from: number | undefined }
  /** Takes a sequence number, and means nothing else. */
  | { readonly kind: "step" };

export type OnEntry = (sequence: number, entry: Entry) => void;

/** A note, with the number of its last change. */
export interface Note {
  readonly value: string;
  readonly revision: number;
}

export interface Journal {
  /** Names the stream. A stream that is made anew, or has lost its events, has another epoch. */
  readonly epoch: string;
  /** Resolves to the reason when the journal has ended. From then on no call does anything. */
  readonly ended: Promise<string>;
  /**
   * When the oldest event was appended that JetStream has not confirmed, in milliseconds since 1970. Undefined when every event
   * is confirmed. It keeps its last value when the journal has ended.
   */
  readonly unconfirmedSince: number | undefined;
  /**
   * Appends an event. JetStream confirms the events of one turn of the event loop together. When it does not, the journal ends.
   * `onStored` is called with the sequence number of the event, unless the journal ends before. An event with `onStored` costs a
   * confirmation of its own.
   */
  append(scope: HistoryScope, data: Uint8Array, onStored?: (sequence: number) => void): void;
  /** Resolves when JetStream has confirmed every event until now, or when the journal has ended. Undefined when that is so already. */
  confirmed(): Promise<void> | undefined;
  /** Appends an entry that is no event. Resolves to its sequence number. */
  mark(entry: Exclude<Entry, { kind: "event" }>): Promise<number>;
  /** Resolves to the sequence number of the last entry. Calls during a question share it. Ends the journal if the stream is another one. */
  end(): Promise<number>;
  /**
   * Reads every entry from the first one on, and goes on until the journal ends or `stop` is called. Resolves to the sequence number
   * before the first entry, when JetStream has begun to send.
   */
  read(onEntry: OnEntry): Promise<{ readonly before: number; stop(): void }>;
  note(name: string): Promise<Note | undefined>;
  /**
   * Writes a note if its last change has this number: 0 when the note does not exist. Resolves to the new number, and to undefined
   * when somebody else has changed the note, or when it has expired.
   */
  writeNote(name: string, value: string, revision: number): Promise<number | undefined>;
  /** Returns the names of all notes that begin with `prefix` and a dot, without this beginning. */
  noteNames(prefix: string): Promise<string[]>;
  /** Ends the journal, and waits until JetStream has confirmed what was appended, two seconds at most. */
  close(): Promise<void>;
}

/** Writes an id as a key of a map. */
export function idKey({ word0, word1, word2, word3 }: EventId): string {
  return `${word0},${word1},${word2},${word3}`;
}
