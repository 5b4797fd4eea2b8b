/**
 * The epoch of the journal: a name that changes whenever the stream of events loses what it held. The time of its creation does not
 * show that. A server of a NATS cluster that restarts makes its streams in memory again, empty, with the time of their first creation.
 *
 * So the epoch is a note with a random name, and with a sequence number that the stream has reached. A stream whose last number is
 * smaller has lost its events, and the node that finds that begins another epoch.
 */

import { randomBytes } from "node:crypto";
import type { Notes } from "./journal-notes.js";

export interface StreamState {
  /** When the stream was created, as text without dots. */
  readonly created: string;
  /** The sequence number of the last entry. */
  readonly last: number;
}

export interface EpochOptions {
  readonly notes: Notes;
  readonly state: () => Promise<StreamState>;
  /** Appends an entry that means nothing, and resolves to its sequence number. */
  readonly step: () => Promise<number>;
  /** How long a note lives after its last change. */
  readonly seconds: number;
}

const noteName = "epoch";
/** How often the note is renewed within its life. */
const renewals = 3;

export class JournalEpoch {
  readonly name: string;
  readonly #options: EpochOptions;
  readonly #created: string;
  /** The number that the note has, as far as this node knows. */
  #noted: number;
  #renewedAt = performance.now();
  #seen: number;
  #renewing: Promise<void> | undefined;

  private constructor(options: EpochOptions, { name, created, reached }: EpochNote) {
    this.#options = options;
    this.name = name;
    this.#created = created;
    this.#noted = this.#seen = reached;
  }

  /** Resolves to the epoch that the stream is in, or begins one. Rejects when JetStream fails. */
  static async find(options: EpochOptions): Promise<JournalEpoch> {
    const { notes, state, step } = options;
    for (;;) {
      // The note is read first, because the stream goes on.
      const note = await notes.note(noteName);
      const { created, last } = await state();
      const known = note && readNote(note.value);
      if (known?.created === created && known.reached <= last) return new JournalEpoch(options, known);
      // An epoch begins with an entry, so that an empty stream has always lost something.
      const fresh = { name: randomBytes(6).toString("base64url"), created, reached: await step() };
      const written = await notes.writeNote(noteName, noteText(fresh), note?.revision ?? 0);
      if (written !== undefined) return new JournalEpoch(options, fresh);
    }
  }

  /** Notes that the stream has reached a sequence number. */
  saw(sequence: number): void {
    if (sequence > this.#seen) this.#seen = sequence;
  }

  /** Resolves to the last sequence number of the stream. Rejects when the stream has lost its events. */
  async check(): Promise<number> {
    // The answer may be older than entries that come meanwhile.
    const seen = this.#seen;
    const { created, last } = await this.#options.state();
    if (created !== this.#created || last < seen) throw lost();
    this.saw(last);
    return last;
  }

  /** Renews the note when that is due. Call it about twice a second. Rejects when another node has begun another epoch. */
  async tend(): Promise<void> {
    const isDue = performance.now() - this.#renewedAt >= (this.#options.seconds * 1000) / renewals;
    if (isDue || this.#seen > this.#noted) await this.renew();
  }

  /** Renews the note. Rejects when another node has begun another epoch. Calls during a renewal share it. */
  renew(): Promise<void> {
    this.#renewing ??= this.#renewNow().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewNow(): Promise<void> {
    const { notes } = this.#options;
    const seen = this.#seen;
    this.#renewedAt = performance.now();
    const note = await notes.note(noteName);
    const known = note && readNote(note.value);
    if (known !== undefined && known.name !== this.name) throw lost();
    const reached = Math.max(seen, known?.reached ?? 0);
    const text = noteText({ name: this.name, created: this.#created, reached });
    // Without success another node has written the note, and this node tries again later.
    if ((await notes.writeNote(noteName, text, note?.revision ?? 0)) !== undefined) this.#noted = reached;
  }
}

interface EpochNote {
  readonly name: string;
  readonly created: string;
  readonly reached: number;
}

function noteText({ name, created, reached }: EpochNote): string {
  return `${name}.${created}.${reached}`;
}

function readNote(text: string): EpochNote {
  const [name = "", created = "", reached = ""] = text.split(".");
  return { name, created, reached: Number(reached) };
}

function lost(): Error {
  return new Error("the stream of the history was made anew");
}
