/** Opens the journal: connects to NATS, makes the two streams if they are missing, and finds the epoch of the events. */

import { type JetStreamManager, jetstream, jetstreamManager, type StreamInfo } from "@nats-io/jetstream";
import { type ConnectionOptions, connect, createInbox, type NatsConnection } from "@nats-io/transport-node";
import type { Journal, OnEntry } from "./journal.js";
import { JournalEpoch } from "./journal-epoch.js";
import { openFeed } from "./journal-feed.js";
import { type JournalNames, journalNames } from "./journal-names.js";
import { type Notes, openNotes } from "./journal-notes.js";
import { haveStreams, type StreamLimits } from "./journal-streams.js";
import { Turns } from "./journal-turns.js";

export interface JournalOptions extends StreamLimits {
  /** The options of one connection to NATS. */
  readonly connection: ConnectionOptions;
  /** NATS_SUBJECT_PREFIX. */
  readonly prefix: string;
}

/** How long a request to JetStream and the attempt to connect may take, in milliseconds. */
const requestMsMax = 2_000;
const checkMs = 500;

/** What a journal is made of. */
interface Parts {
  readonly nats: NatsConnection;
  readonly manager: JetStreamManager;
  readonly names: JournalNames;
  readonly notes: Notes;
  readonly epoch: JournalEpoch;
  readonly mark: Journal["mark"];
}

/** Opens a journal. Rejects when NATS cannot be reached, and when JetStream refuses a stream. */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const names = journalNames(options.prefix);
  const nats = await connect({
    ...options.connection,
    inboxPrefix: names.inbox,
    reconnect: false,
    timeout: requestMsMax,
  });
  try {
    const manager = await jetstreamManager(nats, { checkAPI: false, timeout: requestMsMax });
    await haveStreams(manager, names, options);
    const client = jetstream(nats, { timeout: requestMsMax });
    const notes = openNotes(manager, client, names);
    const mark: Journal["mark"] = async (entry) => {
      const data = entry.kind === "break" ? `${entry.from ?? ""}` : "";
      return (await client.publish(names.markSubject(entry.kind), data)).seq;
    };
    const epoch = await JournalEpoch.find({
      notes,
      seconds: options.seconds,
      step: () => mark({ kind: "step" }),
      async state() {
        const info = await manager.streams.info(names.eventStream);
        return { created: createdText(info), last: info.state.last_seq };
      },
    });
    return journalOn({ nats, manager, names, notes, epoch, mark });
  } catch (error) {
    await nats.close();
    throw error;
  }
}

function journalOn({ nats, manager, names, notes, epoch, mark }: Parts): Journal {
  let finish = (_: string): void => {};
  const ended = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const turns = new Turns({ nats, replies: createInbox(names.inbox), onUnsure: end });
  const checking = setInterval(() => {
    turns.check();
    orEnd(epoch.tend()).catch(() => {});
  }, checkMs);
  let asking: Promise<number> | undefined;
  void nats.closed().then((error) => end(error?.message ?? "the connection for the history was closed"));

  function end(reason: string): void {
    clearInterval(checking);
    turns.stop();
    finish(reason);
    if (!nats.isClosed()) void nats.close();
  }

  /** Ends the journal when JetStream fails. */
  async function orEnd<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      end((error as Error).message);
      throw error;
    }
  }

  async function read(onEntry: OnEntry) {
    // Another node may have found that the stream lost its events, when this node had nothing to do with it.
    await orEnd(epoch.renew());
    const { state } = await orEnd(manager.streams.info(names.eventStream));
    const feed = await orEnd(
      openFeed({
        nats,
        manager,
        stream: names.eventStream,
        inbox: names.inbox,
        onMessage(sequence, { subject, data }) {
          epoch.saw(sequence);
          onEntry(sequence, names.entryOf(subject, data) ?? { kind: "step" });
        },
        onLost: end,
      }),
    );
    void ended.then(feed.stop);
    return { before: Math.max(state.first_seq, 1) - 1, stop: feed.stop };
  }

  return {
    epoch: epoch.name,
    ended,
    get unconfirmedSince() {
      return turns.unconfirmedSince;
    },
    append: (scope, data, onStored) => turns.append(names.eventSubject(scope), data, onStored),
    confirmed: () => turns.confirmed(),
    mark: (entry) => orEnd(mark(entry)),
    read,

    end() {
      asking ??= orEnd(epoch.check()).finally(() => {
        asking = undefined;
      });
      return asking;
    },

    note: (name) => orEnd(notes.note(name)),
    writeNote: (name, value, revision) => orEnd(notes.writeNote(name, value, revision)),
    noteNames: (prefix) => orEnd(notes.noteNames(prefix)),

    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, requestMsMax);
      });
      await Promise.race([turns.empty(), late, ended]);
      clearTimeout(timer);
      end("the node is closing");
      await nats.closed();
    },
  };
}

/** The creation of the stream in nanoseconds, of which the server gives all nine digits. */
function createdText({ created }: StreamInfo): string {
  const [seconds = "", rest = ""] = created.replace("Z", "").split(".");
  return (BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(rest.padEnd(9, "0"))).toString(36);
}
