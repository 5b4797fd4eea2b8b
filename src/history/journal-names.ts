/**
 * The names of the streams and subjects of the journal, made from the prefix of the installation. An account or an instance is named
 * by its id.
 */

import type { HistoryScope } from "./history.js";
import type { Entry } from "./journal.js";

export interface JournalNames {
  readonly eventStream: string;
  readonly eventSubjects: string;
  readonly noteStream: string;
  readonly noteSubjects: string;
  /** The beginning of the reply subjects of this connection. */
  readonly inbox: string;
  eventSubject(scope: HistoryScope): string;
  markSubject(kind: Exclude<Entry["kind"], "event">): string;
  noteSubject(name: string): string;
  /** Reads an entry of the event stream. Undefined when no node writes such a subject. */
  entryOf(subject: string, data: Uint8Array): Entry | undefined;
}

/** `prefix` is NATS_SUBJECT_PREFIX. The name of a stream must not have dots. */
export function journalNames(prefix: string): JournalNames {
  const stream = prefix.replaceAll(".", "-");
  const events = `${prefix}.history.`;
  const notes = `${prefix}.notes.`;
  return {
    eventStream: `${stream}-history`,
    eventSubjects: `${events}>`,
    noteStream: `${stream}-notes`,
    noteSubjects: `${notes}>`,
    inbox: `${prefix}.inbox`,
    eventSubject: ({ accountId, instanceId }) => `${events}${accountId}.${instanceId}`,
    markSubject: (kind) => events + kind,
    noteSubject: (name) => notes + name,

    entryOf(subject, data) {
      const [first = "", second, ...more] = subject.slice(events.length).split(".");
      if (more.length > 0) return undefined;
      if (second !== undefined) return { kind: "event", scope: { accountId: first, instanceId: second }, data };
      if (first === "break")
        return { kind: "break", from: data.length === 0 ? undefined : Number(Buffer.from(data).toString()) };
      return first === "step" ? { kind: "step" } : undefined;
    },
  };
}
