/** Opens the journal: connects to NATS, makes the two streams if they are missing, and fits their limits to the settings. */

import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import { type ConnectionOptions, connect, createInbox, nanos } from "@nats-io/transport-node";
import type { Journal, Note, OnEntry } from "./journal.js";
import { openFeed } from "./journal-feed.js";
import { journalNames } from "./journal-names.js";
import { Turns } from "./journal-turns.js";

export interface JournalOptions {
  /** The options of one connection to NATS. */
  readonly connection: ConnectionOptions;
  /** NATS_SUBJECT_PREFIX. */
  readonly prefix: string;
  /** How long an event is kept, and a note after its last change. */
  readonly seconds: number;
  /** Most bytes of all events. */
  readonly bytes: number;
  /** On how many servers of the NATS cluster each stream is stored. */
  readonly replicas: number;
}

/** How long a request to JetStream and the attempt to connect may take, in milliseconds. */
const requestMsMax = 2_000;
const checkMs = 500;

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
    const events = await haveStream(manager, {
      ...common(options),
      name: names.eventStream,
      subjects: [names.eventSubjects],
      max_bytes: options.bytes,
    });
    await haveStream(manager, {
      ...common(options),
      name: names.noteStream,
      subjects: [names.noteSubjects],
      max_msgs_per_subject: 1,
    });
    return journalOn(nats, manager, names, epochOf(events));
  } catch (error) {
    await nats.close();
    throw error;
  }
}

function common({ seconds, replicas }: JournalOptions) {
  return {
    storage: StorageType.Memory,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(seconds * 1000),
    num_replicas: replicas,
  };
}

type WantedStream = Partial<StreamConfig> & Pick<StreamConfig, "name" | "max_age" | "num_replicas">;

/** Returns a stream with these limits. Makes it when there is none. Another node may make it or change it at the same time. */
async function haveStream(manager: JetStreamManager, wanted: WantedStream): Promise<StreamInfo> {
  const found = await manager.streams.info(wanted.name).catch(unless(JetStreamApiCodes.StreamNotFound));
  if (found === undefined) return manager.streams.add(wanted);
  const { config } = found;
  const fits = (["max_age", "max_bytes", "num_replicas"] as const).every(
    (limit) => wanted[limit] === undefined || wanted[limit] === config[limit],
  );
  return fits ? found : manager.streams.update(wanted.name, { ...config, ...wanted });
}

function journalOn(
  nats: Awaited<ReturnType<typeof connect>>,
  manager: JetStreamManager,
  names: ReturnType<typeof journalNames>,
  epoch: string,
): Journal {
  const client = jetstream(nats, { timeout: requestMsMax });
  let finish = (_: string): void => {};
  const ended = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const turns = new Turns({ nats, replies: createInbox(names.inbox), onUnsure: end });
  const checking = setInterval(() => turns.check(), checkMs);
  let asking: Promise<number> | undefined;
  void nats.closed().then((error) => end(error?.message ?? "the connection for the history was closed"));

  function end(reason: string): void {
    clearInterval(checking);
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

  async function mark(...[entry]: Parameters<Journal["mark"]>): Promise<number> {
    const data = entry.kind === "break" ? `${entry.from ?? ""}` : "";
    return (await orEnd(client.publish(names.markSubject(entry.kind), data))).seq;
  }

  async function lastSequence(): Promise<number> {
    const info = await manager.streams.info(names.eventStream);
    if (epochOf(info) !== epoch) throw new Error("the stream of the history was made anew");
    return info.state.last_seq;
  }

  async function read(onEntry: OnEntry) {
    const { state } = await orEnd(manager.streams.info(names.eventStream));
    const feed = await orEnd(
      openFeed({
        nats,
        manager,
        stream: names.eventStream,
        inbox: names.inbox,
        onMessage(sequence, { subject, data }) {
          onEntry(sequence, names.entryOf(subject, data) ?? { kind: "step" });
        },
        onLost: end,
      }),
    );
    void ended.then(feed.stop);
    return { before: Math.max(state.first_seq, 1) - 1, stop: feed.stop };
  }

  return {
    epoch,
    ended,
    get unconfirmedSince() {
      return turns.unconfirmedSince;
    },
    append: (scope, data) => turns.append(names.eventSubject(scope), data),
    mark,
    read,

    end() {
      asking ??= orEnd(lastSequence()).finally(() => {
        asking = undefined;
      });
      return asking;
    },

    async note(name): Promise<Note | undefined> {
      const query = { last_by_subj: names.noteSubject(name) };
      const message = await orEnd(manager.streams.getMessage(names.noteStream, query));
      return message === null ? undefined : { value: message.string(), revision: message.seq };
    },

    writeNote: (name, value, revision) =>
      orEnd(
        client
          .publish(names.noteSubject(name), value, { expect: { lastSubjectSequence: revision } })
          .then(({ seq }) => seq, unless(JetStreamApiCodes.StreamWrongLastSequence)),
      ),

    async noteNames(prefix) {
      const start = names.noteSubject(`${prefix}.`);
      const { state } = await orEnd(manager.streams.info(names.noteStream, { subjects_filter: `${start}>` }));
      return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(start.length));
    },

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
function epochOf({ created }: StreamInfo): string {
  const [seconds = "", rest = ""] = created.replace("Z", "").split(".");
  return (BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(rest.padEnd(9, "0"))).toString(36);
}

/** Turns an error of JetStream with this number into undefined. */
function unless(code: number): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof JetStreamApiError && error.code === code) return undefined;
    throw error;
  };
}
