/**
 * The history of several nodes, on NATS JetStream. The node that accepts an event appends the event to one journal, and every node
 * with consumers of `eventwire.v1` reads the journal, so that all nodes give the same events the same positions.
 *
 * The history is either there on all nodes or on none. When one node cannot append, all nodes give their consumers the events of the
 * bus, without positions, until every node can append again. Positions from before are refused then.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Event } from "../bus/bus.js";
import type { NodeTalk } from "../bus/node-talk.js";
import { CloseNotes } from "./close-notes.js";
import { FollowedScope, FollowedScopes } from "./followed-scope.js";
import type { FollowHandler, Following, History, HistoryGap, HistoryScope, KeptClose } from "./history.js";
import type { HistoryLimits } from "./history-log.js";
import type { Journal } from "./journal.js";
import { JournalKeeper } from "./journal-keeper.js";
import { LastingJournal } from "./lasting-journal.js";
import { Mirror, type Place } from "./mirror.js";
import { ModeRenewals } from "./mode-renewals.js";
import { UnableNodes } from "./unable-nodes.js";

export interface JetStreamHistoryOptions {
  readonly talk: NodeTalk;
  /** Opens the journal on a new connection. Rejects when JetStream cannot be used. */
  readonly openJournal: () => Promise<Journal>;
  readonly limits: HistoryLimits;
  readonly logger: Logger;
}

const tendMs = 500;
/**
 * For how many looks an event may wait for its copy from the journal. A journal that has stalled is found out sooner, and then the
 * event is handed over.
 */
const looksMax = 6;
/** How long a return waits until the bus has brought what the journal brought first, in milliseconds. */
const busMsMax = 1_000;
const busLookMs = 20;

/** Opens the history. Waits two seconds at most for JetStream. Never rejects. */
export async function openJetStreamHistory(options: JetStreamHistoryOptions): Promise<History> {
  const history = new JetStreamHistory(options);
  await history.start();
  return history;
}

class JetStreamHistory implements History {
  readonly #options: JetStreamHistoryOptions;
  readonly #logger: Logger;
  readonly #mirror: Mirror;
  readonly #keeper: JournalKeeper;
  readonly #unable: UnableNodes;
  readonly #scopes = new FollowedScopes();
  readonly #lasting: LastingJournal;
  /** Whether consumers are fed from the journal. Always false while nobody follows anything. */
  #isThere = false;
  /** The last position that a consumer of this node got. Undefined when none did. */
  #given: Place | undefined;
  /** Whether a consumer got an event without a position since the history was last there. */
  #isBare = false;
  #onGap = (_: HistoryGap): void => {};
  #tending: Promise<void> | undefined;
  #tendTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  readonly #closes: CloseNotes;
  readonly #renewals: ModeRenewals;
  #isClosing = false;

  constructor(options: JetStreamHistoryOptions) {
    const { talk, limits, logger } = options;
    this.#options = options;
    this.#logger = logger;
    this.#closes = new CloseNotes(limits.seconds, () => this.#journal);
    this.#lasting = new LastingJournal({
      open: options.openJournal,
      onOpened: (journal) => this.#settle(journal),
      onEnded: (journal, reason) => this.#ended(journal, reason),
      logger,
    });
    this.#keeper = new JournalKeeper(talk, limits.seconds);
    this.#unable = new UnableNodes(talk, () => this.#leave("another node cannot keep events"));
    this.#mirror = new Mirror({
      limits,
      decode: talk.decode,
      onKept: (kept) => this.#scopes.feed(kept, this.#isThere),
      onLost: (from) => this.#lost(from),
      onBreak: (from) => this.#broken(from),
    });
    const [scopes, keeper, mirror] = [this.#scopes, this.#keeper, this.#mirror];
    this.#renewals = new ModeRenewals({ scopes, keeper, mirror, seconds: limits.seconds });
  }

  get #journal(): Journal | undefined {
    return this.#lasting.current;
  }

  get stats() {
    return this.#mirror.log.stats;
  }

  get reach() {
    const { events, seconds } = this.#options.limits;
    return this.#isThere ? { events, seconds } : undefined;
  }

  async start(): Promise<void> {
    this.#tendTimer = setInterval(() => this.#look(), tendMs);
    await this.#lasting.start();
    // A node that is only starting must not take the history from the others. So it says that it is unable no sooner.
    if (this.#journal === undefined) this.#unable.declare();
  }

  take(event: Event): void {
    this.#keeper.take(event);
  }

  follow(scope: HistoryScope, handler: FollowHandler): Following {
    const followed = new FollowedScope(scope, handler);
    this.#scopes.add(followed);
    this.#keeper.follow(scope);
    clearTimeout(this.#idleTimer);
    const begun = this.#begin(followed).then(() => {
      followed.mayHaveConsumers = true;
    });
    const mirror = this.#mirror;
    const isThere = () => this.#isThere;
    const caughtUp = () => this.#caughtUp();
    return {
      get inForce() {
        return begun.then(caughtUp);
      },
      get position() {
        return isThere() ? mirror.position : undefined;
      },
      resume: (position) => mirror.resume(scope, position, isThere()),
      after: (sequence, max) => (isThere() ? mirror.log.after(scope, sequence, max) : undefined),
      heard: (event) => {
        if (followed.heard(event, this.#isThere)) this.#isBare = true;
      },
      stop: () => this.#stop(followed),
    };
  }

  watchGaps(listener: (gap: HistoryGap) => void): void {
    this.#onGap = listener;
  }

  keepClose(connection: string, close: KeptClose): void {
    this.#closes.keep(connection, close);
  }

  closeOf(connection: string): Promise<KeptClose | undefined> {
    return this.#closes.find(connection);
  }

  async close(): Promise<void> {
    clearInterval(this.#tendTimer);
    clearTimeout(this.#idleTimer);
    this.#isClosing = true;
    this.#isThere = false;
    await Promise.all([this.#renewals.written(), this.#closes.written()]);
    await this.#lasting.close();
    this.#unable.withdraw();
  }

  async #settle(journal: Journal): Promise<void> {
    await this.#keeper.settle(journal);
    if (this.#keeper.uses(journal)) this.#unable.withdraw();
    await Promise.all([...this.#scopes].map((followed) => this.#begin(followed)));
  }

  #ended(journal: Journal, reason: string): void {
    this.#keeper.leave(journal);
    this.#leave(reason);
    // The other nodes may forget the scopes until the next journal is there.
    for (const followed of this.#scopes) followed.isKnown = false;
    this.#mirror.stop();
    if (!this.#isClosing) this.#unable.declare();
  }

  /** Makes the events of a scope be kept on all nodes, and this node read them. Never rejects. */
  async #begin(followed: FollowedScope): Promise<void> {
    const journal = this.#journal;
    if (journal === undefined) return;
    try {
      await this.#mirror.read(journal);
      await this.#renewals.keep(journal, [followed]);
      await this.#caughtUp();
      followed.isKnown = true;
      if (this.#isThere) return;
      // A run that began earlier may have found this scope unready.
      await this.#tending;
      await this.#tend();
    } catch {
      // The journal has ended. The next one begins the scope again.
    }
  }

  /** Resolves when this node has read everything that the journal has now, or when the journal ends. Never rejects. */
  async #caughtUp(): Promise<void> {
    const end = await this.#journal?.end().catch(() => undefined);
    if (end !== undefined) await this.#mirror.reached(end);
  }

  #stop(followed: FollowedScope): void {
    this.#scopes.delete(followed);
    const journal = this.#journal;
    if (journal !== undefined) this.#renewals.renewLast(journal, followed.scope);
    if (this.#scopes.size > 0) return;
    this.#idleTimer = setTimeout(() => {
      this.#isThere = false;
      this.#mirror.stop();
    }, this.#options.limits.seconds * 1000).unref();
  }

  #look(): void {
    this.#mirror.log.expire(performance.now());
    const from = this.#isThere ? this.#scopes.overdue(looksMax) : undefined;
    if (from !== undefined) {
      this.#logger.warn({ from: new Date(from).toISOString() }, "events of the bus did not come into the history");
      this.#onGap({ reason: "history_interrupted", from, until: Date.now() });
      this.#keeper.owe(from);
    }
    void this.#tend();
  }

  /** Does what is due. Calls during a run share it. Never rejects. */
  #tend(): Promise<void> {
    this.#tending ??= this.#tendOnce().finally(() => {
      this.#tending = undefined;
    });
    return this.#tending;
  }

  async #tendOnce(): Promise<void> {
    const journal = this.#journal;
    if (journal === undefined) return;
    try {
      await this.#keeper.settle(journal);
      if (!this.#keeper.uses(journal)) return;
      this.#unable.withdraw();
      if (this.#scopes.size === 0) return;
      await this.#renewals.renew(journal);
      await this.#unable.ask();
      if (this.#unable.present) this.#leave("a node cannot keep events");
      else if (!this.#isThere) await this.#return(journal);
    } catch {
      // The journal has ended, and the next one is opened.
    }
  }

  /** Feeds the consumers from the journal, when this node has read it to its end and can still keep events. */
  async #return(journal: Journal): Promise<void> {
    await this.#mirror.read(journal);
    // A client that keeps an old position over events without one must not get these events again.
    if (this.#isBare && (this.#given === undefined || this.#mirror.accepts(this.#given)))
      await this.#mirror.reached(await journal.mark({ kind: "break", from: undefined }));
    await this.#caughtUp();
    for (let waited = 0; waited < busMsMax && this.#scopes.awaitBus; waited += busLookMs) await delay(busLookMs);
    if (this.#journal !== journal || this.#unable.present || this.#keeper.owes) return;
    if (this.#scopes.size === 0 || !this.#scopes.areKnown) return;
    this.#isThere = true;
    this.#isBare = false;
    this.#giveUp();
    this.#logger.info("the history is there: consumers of eventwire.v1 can resume");
  }

  /** Tells of the events that the bus has not brought yet. They are not handed over any more. */
  #giveUp(): void {
    for (const followed of this.#scopes) {
      const from = followed.giveUp();
      const { accountId, instanceId } = followed.scope;
      const whose = { accountId, ...(instanceId !== "" && { instanceId }) };
      if (from !== undefined) this.#onGap({ reason: "history_interrupted", from, until: Date.now(), ...whose });
    }
  }

  /** Feeds the consumers from the bus, without positions. What the bus has brought already comes first. */
  #leave(reason: string): void {
    if (!this.#isThere) return;
    this.#isThere = false;
    this.#given = this.#mirror.place;
    this.#logger.warn({ reason }, "the history is away: consumers of eventwire.v1 get events without positions");
    for (const followed of this.#scopes) if (followed.release() > 0) this.#isBare = true;
  }

  /** More was written into the journal than it holds, before this node could read it. */
  #lost(from: number): void {
    for (const followed of this.#scopes) followed.forget();
    this.#broken(from);
  }

  #broken(from: number | undefined): void {
    for (const { scope, since } of this.#scopes) if (since !== undefined) this.#mirror.begin(scope, since);
    if (this.#isThere && from !== undefined) this.#onGap({ reason: "history_interrupted", from, until: Date.now() });
  }
}
