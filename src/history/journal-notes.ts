/** Reads and writes the notes of the journal: a stream that holds the last text of each name until the text expires. */

import { JetStreamApiCodes, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import type { Journal, Note } from "./journal.js";
import { unless } from "./journal-errors.js";
import type { JournalNames } from "./journal-names.js";

/** See the functions of the same names in `Journal`. They reject when JetStream fails. */
export type Notes = Pick<Journal, "note" | "writeNote" | "noteNames">;

export function openNotes(manager: JetStreamManager, client: JetStreamClient, names: JournalNames): Notes {
  return {
    async note(name): Promise<Note | undefined> {
      const query = { last_by_subj: names.noteSubject(name) };
      const message = await manager.streams.getMessage(names.noteStream, query);
      return message === null ? undefined : { value: message.string(), revision: message.seq };
    },

    writeNote: (name, value, revision) =>
      client
        .publish(names.noteSubject(name), value, { expect: { lastSubjectSequence: revision } })
        .then(({ seq }) => seq, unless(JetStreamApiCodes.StreamWrongLastSequence)),

    async noteNames(prefix) {
      const start = names.noteSubject(`${prefix}.`);
      const { state } = await manager.streams.info(names.noteStream, { subjects_filter: `${start}>` });
      return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(start.length));
    },
  };
}
