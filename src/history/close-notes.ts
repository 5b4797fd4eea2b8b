/** The notes of the journal that say how connections ended, so that every node can tell a client that comes back. */

import type { KeptClose } from "./history.js";
import type { Journal } from "./journal.js";
import { RecentCloses } from "./recent-closes.js";

const form = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class CloseNotes {
  readonly #recent: RecentCloses;
  readonly #journal: () => Journal | undefined;
  readonly #writing = new Set<Promise<void>>();

  /** `journal` returns the journal, or undefined while none is open. Then only this node knows of a close. */
  constructor(seconds: number, journal: () => Journal | undefined) {
    this.#recent = new RecentCloses(seconds);
    this.#journal = journal;
  }

  keep(connection: string, close: KeptClose): void {
    this.#recent.add(connection, close);
    const written = this.#journal()?.writeNote(nameOf(connection), JSON.stringify(close), 0);
    if (written === undefined) return;
    const writing: Promise<void> = written.then(
      () => void this.#writing.delete(writing),
      () => void this.#writing.delete(writing),
    );
    this.#writing.add(writing);
  }

  /** Resolves to undefined when no close of the connection is known. Never rejects. */
  async find(connection: string): Promise<KeptClose | undefined> {
    const here = this.#recent.get(connection);
    // A client may send any text as the id of a connection, and no other text may become part of a subject.
    if (here !== undefined || !form.test(connection)) return here;
    const note = await this.#journal()
      ?.note(nameOf(connection))
      .catch(() => undefined);
    return note && (JSON.parse(note.value) as KeptClose);
  }

  /** Resolves when everything is written. Never rejects. */
  async written(): Promise<void> {
    await Promise.all(this.#writing);
  }
}

function nameOf(connection: string): string {
  return `closed.${connection}`;
}
