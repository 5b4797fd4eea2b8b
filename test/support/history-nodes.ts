/** Nodes with a bus and a history over a real nats-server, without the rest of a node. */

import { pino } from "pino";
import { onTestFinished } from "vitest";
import type { Event } from "../../src/bus/bus.js";
import { type NatsBus, openNatsBus } from "../../src/bus/nats-bus.js";
import { createIdMint } from "../../src/domain/event-id.js";
import type { Following, History, HistoryGap, HistoryScope, Placing } from "../../src/history/history.js";
import { openJetStreamHistory } from "../../src/history/jetstream-history.js";
import type { Journal } from "../../src/history/journal.js";
import { openJournal } from "../../src/history/open-journal.js";
import { until } from "./until.js";

export interface Heard {
  readonly n: number;
  readonly position: string | undefined;
}

export interface Follower {
  readonly following: Following;
  /** What the handler was given. */
  readonly heard: Heard[];
  numbers(): number[];
  /** Resolves when so many events were given. */
  have(count: number): Promise<Heard[]>;
  stop(): void;
}

export interface HistoryNode {
  readonly prefix: string;
  readonly bus: NatsBus;
  readonly history: History;
  readonly gaps: HistoryGap[];
  readonly log: Record<string, unknown>[];
  /** Makes an event with this number. */
  draft(scope: HistoryScope, n: number, more?: Partial<Event>): Event;
  /** The messages of the log. */
  lines(): unknown[];
  /** Accepts an event with this number. */
  publish(scope: HistoryScope, n: number, more?: Partial<Event>): void;
  /** Sends an event to the other nodes as a node does that dies before the event is in the history. */
  publishToBusAlone(scope: HistoryScope, n: number): void;
  /** Accepts an event, and resolves with the position that its producer is told. */
  publishKept(scope: HistoryScope, n: number): Promise<string | undefined>;
  follow(scope: HistoryScope): Promise<Follower>;
  /** Resolves when the history is there, or with `false` when it is away. */
  isThere(wanted?: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface HistoryNodeOptions {
  readonly prefix: string;
  /** Where the history finds NATS, if not where the bus does. */
  readonly journalUrl?: string;
  /** Called before each question for a note of the journal. The question waits for the promise, or for the end of the journal. */
  readonly beforeNote?: (name: string) => Promise<void> | undefined;
  readonly seconds?: number;
  readonly events?: number;
  readonly bytes?: number;
  readonly replicas?: number;
  /** Registers the end of the node, for a test that runs beside others. */
  readonly atEnd?: (end: () => Promise<void>) => void;
}

let lastPrefix = 0;

/** A subject prefix for each test, since the tests share a server. */
export function newPrefix(): string {
  return `p${process.pid}.${++lastPrefix}`;
}

export const jetStream = (more = "") =>
  `jetstream { max_memory_store: 268435456, max_file_store: 0, store_dir: "jetstream" ${more} }\n`;

/** Ends with the test. */
export async function openHistoryNode(url: string, options: HistoryNodeOptions): Promise<HistoryNode> {
  const {
    prefix,
    journalUrl = url,
    seconds = 60,
    events = 1024,
    bytes = 8 * 1024 * 1024,
    replicas = 1,
    beforeNote,
    atEnd = onTestFinished,
  } = options;
  const log: Record<string, unknown>[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void log.push(JSON.parse(line)) });
  const nats = { subjectPrefix: prefix, way: { servers: [url] } };
  const bus = await openNatsBus({ nats, mayBeWanted: () => true, logger });
  const history = await openJetStreamHistory({
    talk: bus.talk,
    async openJournal() {
      const journal = await openJournal({ connection: { servers: [journalUrl] }, prefix, seconds, bytes, replicas });
      if (beforeNote === undefined) return journal;
      const { note } = journal;
      const slow: Journal["note"] = async (name) => {
        await Promise.race([beforeNote(name), journal.ended]);
        return note(name);
      };
      return Object.assign(journal, { note: slow });
    },
    limits: { seconds, events, bytes },
    logger,
  });
  const gaps: HistoryGap[] = [];
  history.watchGaps((gap) => gaps.push(gap));
  const mint = createIdMint();
  let closing: Promise<void> | undefined;

  function accept(event: Event, placing?: Placing): void {
    bus.publish(event);
    history.take(event, placing);
    void bus.flush();
  }

  const node: HistoryNode = {
    prefix,
    bus,
    history,
    gaps,
    log,
    lines: () => log.map(({ msg }) => msg),
    draft({ accountId, instanceId }, n, more = {}) {
      const time = Date.now();
      const data = Buffer.from(JSON.stringify({ n }));
      return { id: mint(time), time, accountId, instanceId, type: "label.update", data, ...more };
    },
    publish: (scope, n, more) => accept(node.draft(scope, n, more)),
    publishToBusAlone(scope, n) {
      bus.publish(node.draft(scope, n));
      void bus.flush();
    },
    async publishKept(scope, n) {
      const placing: Placing = {};
      const before = history.taken;
      accept(node.draft(scope, n), placing);
      await history.kept(before);
      return placing.position;
    },
    async follow(scope) {
      const heard: Heard[] = [];
      let look = (): void => {};
      const on = (event: Event) => following.heard(event);
      const subscription =
        scope.instanceId === ""
          ? bus.subscribeAccount(scope.accountId, on)
          : bus.subscribe({ id: scope.instanceId, accountId: scope.accountId }, on);
      const following = history.follow(scope, ({ data }, position) => {
        heard.push({ n: JSON.parse(Buffer.from(data).toString()).n, position });
        look();
      });
      await subscription.inForce;
      await following.inForce;
      return {
        following,
        heard,
        numbers: () => heard.map(({ n }) => n),
        have: (count) =>
          new Promise((resolve) => {
            look = () => {
              if (heard.length >= count) resolve(heard);
            };
            look();
          }),
        stop() {
          following.stop();
          subscription.stop();
        },
      };
    },
    isThere: (wanted = true) => until(() => (history.reach !== undefined) === wanted),
    close: () => (closing ??= history.close().then(() => bus.close())),
  };
  atEnd(() => node.close());
  return node;
}

/** The position of the last event that a handler was given. */
export function lastPosition({ heard }: Follower): string {
  return heard.at(-1)?.position as string;
}

/** Reads the whole replay after a position, as delivery does it. */
export function replay({ following }: Follower, position: string): number[] {
  const resume = following.resume(position);
  if ("refusal" in resume) throw new Error(resume.refusal);
  const numbers: number[] = [];
  for (let after = resume.after; ; ) {
    const kept = following.after(after, 7);
    if (kept === undefined) throw new Error("evicted");
    if (kept.length === 0) return numbers;
    for (const { event, sequence } of kept) {
      numbers.push(JSON.parse(Buffer.from(event.data).toString()).n);
      after = sequence;
    }
  }
}
