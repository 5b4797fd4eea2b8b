/** A copy of the journal in the memory of this node. It grows by what the journal sends, and resume reads it without waiting. */

import type { Event } from "../bus/bus.js";
import type { NodeTalk } from "../bus/node-talk.js";
import { Breaks } from "./breaks.js";
import { holdEvent } from "./held-event.js";
import type { HistoryScope, Kept, Resume } from "./history.js";
import { type HistoryLimits, HistoryLog } from "./history-log.js";
import type { Entry, Journal } from "./journal.js";
import { positionText, readPosition } from "./position.js";

export interface MirrorOptions {
  readonly limits: HistoryLimits;
  readonly decode: NodeTalk["decode"];
  /** Called with each event right after it was kept, but not with events that were read before. */
  readonly onKept: (kept: Kept) => void;
  /** Called when the journal had dropped entries before this node could read them: events since `from`, in milliseconds since 1970. */
  readonly onLost: (from: number) => void;
  /**
   * Called when the history is not complete across this place: no position from before it counts any more. `from`: events that were
   * accepted since then may be missing, in milliseconds since 1970. It is undefined when none is missing.
   */
  readonly onBreak: (from: number | undefined) => void;
}

/** A place in the history. */
export interface Place {
  readonly epoch: string;
  readonly sequence: number;
}

interface Reading {
  readonly journal: Journal;
  readonly started: Promise<void>;
  stop(): void;
}

interface Waiter {
  readonly sequence: number;
  readonly resolve: () => void;
}

/** How much earlier a gap begins than the position says, in milliseconds, because the clocks of nodes differ. */
const skewMs = 5_000;

export class Mirror {
  readonly log: HistoryLog;
  readonly #options: MirrorOptions;
  /** Those of the epoch, also of earlier readings. */
  readonly #breaks = new Breaks();
  #epoch = "";
  /** The sequence number of the last entry that was read. */
  #last = 0;
  /** The greatest sequence number of the epoch that was ever read. After a stop, older entries are read again. */
  #seen = 0;
  /** Before this sequence number the history is not complete. */
  #floor = 0;
  /** When the last entry was read, in milliseconds since 1970. */
  #readAt = 0;
  #reading: Reading | undefined;
  #waiters: Waiter[] = [];

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.log = new HistoryLog(options.limits);
  }

  /** Whether the journal has brought an event, as far as is kept. */
  readonly came = (event: Event): boolean => this.log.has(event);

  /** The place after everything that was read. */
  get place(): Place {
    return { epoch: this.#epoch, sequence: this.#last };
  }

  /** The position after everything that was read. */
  get position(): string {
    return positionText(this.#epoch, this.#last, Date.now());
  }

  /** Whether a position at this place may count still. */
  accepts({ epoch, sequence }: Place): boolean {
    return epoch === this.#epoch && sequence >= this.#floor;
  }

  /**
   * Begins to read a journal from its first entry on, and resolves when the entries come. Does nothing more when this journal is being
   * read. Rejects when the journal ends.
   */
  read(journal: Journal): Promise<void> {
    if (this.#reading?.journal === journal) return this.#reading.started;
    this.stop();
    if (journal.epoch !== this.#epoch) {
      this.#breaks.clear();
      this.#seen = 0;
    }
    this.#epoch = journal.epoch;
    this.#readAt = Date.now();
    const opened = journal.read((sequence, entry) => {
      if (this.#reading === reading) this.#take(sequence, entry);
    });
    const started = opened.then(({ before }) => {
      // The first entry may have come already.
      if (this.#reading === reading && this.#last === 0) this.#last = this.#floor = before;
    });
    const reading: Reading = { journal, started, stop: () => void opened.then(({ stop }) => stop()).catch(() => {}) };
    this.#reading = reading;
    return started;
  }

  /** Ends the reading, and forgets everything. */
  stop(): void {
    this.#reading?.stop();
    this.#reading = undefined;
    this.log.clear();
    this.#last = 0;
    this.#floor = 0;
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters = [];
  }

  /** Notes that the events of a scope are kept since a sequence number. Of several numbers the greatest counts. */
  begin(scope: HistoryScope, since: number): void {
    this.log.begin(scope, Math.max(since, this.#floor));
  }

  /** Resolves when the entry with this number was read, or when the reading has ended. */
  reached(sequence: number): Promise<void> {
    if (this.#reading === undefined || this.#last >= sequence) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ sequence, resolve });
    });
  }

  /** Resolves when everything was read that the journal has now, or when the journal ends. Never rejects. */
  async caughtUp(journal: Journal | undefined): Promise<void> {
    const end = await journal?.end().catch(() => undefined);
    if (end !== undefined) await this.reached(end);
  }

  /** Does what `Following.resume` says. */
  resume(scope: HistoryScope, text: string, isThere: boolean): Resume {
    const position = readPosition(text);
    if (position === undefined) return { refusal: "malformed", from: 0 };
    const isOurs = position.epoch === this.#epoch;
    const broken = this.#breaks.since(isOurs ? position.sequence : 0);
    const from = Math.min(broken, Math.max(0, Math.min(position.time, Date.now()) - skewMs));
    if (!isThere) return { refusal: "away", from };
    if (!isOurs || position.sequence > this.#last) return { refusal: "another_history", from };
    if (position.sequence < this.log.completeSince(scope)) return { refusal: "expired", from };
    return { after: position.sequence };
  }

  #take(sequence: number, entry: Entry): void {
    const isFirst = this.#last === 0;
    if (isFirst) this.#floor = sequence - 1;
    else if (sequence !== this.#last + 1)
      this.#restart(sequence - 1, () => this.#options.onLost(this.#readAt - skewMs));
    this.#last = sequence;
    this.#readAt = Date.now();
    if (entry.kind === "break") {
      if (entry.from !== undefined) this.#breaks.add(sequence, entry.from);
      this.#restart(sequence, () => this.#options.onBreak(entry.from));
    } else if (entry.kind === "event") this.#keep(sequence, entry.scope, entry.data);
    this.#seen = Math.max(this.#seen, sequence);
    if (this.#waiters.length > 0) this.#wake();
  }

  #keep(sequence: number, scope: HistoryScope, data: Uint8Array): void {
    const decoded = this.#options.decode(scope, data);
    // A later release may send event types that this release does not know.
    if (decoded === undefined) return;
    const { event, bytes } = holdEvent(decoded);
    const kept: Kept = { sequence, event, position: positionText(this.#epoch, sequence, event.time) };
    this.log.append(kept, scope, bytes, performance.now());
    if (sequence > this.#seen) this.#options.onKept(kept);
  }

  /** Begins anew after a sequence number. `tell` is called before anything else is kept. */
  #restart(sequence: number, tell: () => void): void {
    this.log.clear();
    this.#floor = sequence;
    tell();
  }

  /** The waiters came in the order of their numbers, because the end of the journal only grows. */
  #wake(): void {
    while (this.#waiters[0] !== undefined && this.#waiters[0].sequence <= this.#last) this.#waiters.shift()?.resolve();
  }
}
