/**
 * The history of several nodes, on NATS JetStream. The node that accepts an event appends the event to one journal, and every node
 * with consumers of `eventwire.v1` reads the journal, so that all nodes give the same events the same positions.
 *
 * The nodes leave the history together, and come back one by one. When one node cannot append, all nodes give their consumers the
 * events of the bus, without positions, until every node can append again. Positions from before are refused then.
 */

import type { Logger } from "pino";
import type { Event } from "../bus/bus.js";
import type { NodeTalk } from "../bus/node-talk.js";
import { CloseNotes } from "./close-notes.js";
import { Feeding } from "./feeding.js";
import { FollowedScope, FollowedScopes } from "./followed-scope.js";
import type { FollowHandler, Following, History, HistoryGap, HistoryScope, KeptClose, Placing } from "./history.js";
import type { HistoryLimits } from "./history-log.js";
import type { Journal } from "./journal.js";
import { JournalKeeper } from "./journal-keeper.js";
import { LastingJournal } from "./lasting-journal.js";
import { lateMs } from "./matching.js";
import { Mirror } from "./mirror.js";
import { ModeRenewals } from "./mode-renewals.js";
import { TurnGaps } from "./turn-gaps.js";
import { UnableNodes } from "./unable-nodes.js";

export interface JetStreamHistoryOptions {
  readonly talk: NodeTalk;
  /** Opens the journal on a new connection. Rejects when JetStream cannot be used. */
  readonly openJournal: () => Promise<Journal>;
  readonly limits: HistoryLimits;
  readonly logger: Logger;
}

const tendMs = 500;
/** For how many looks an event may wait for its copy from the journal. A journal that has stalled is found out sooner. */
const looksMax = 6;

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
  readonly #feeding: Feeding;
  readonly #closes: CloseNotes;
  readonly #renewals: ModeRenewals;
  readonly #lackedGaps = new TurnGaps((gap) => this.#onGap(gap));
  #onGap = (_: HistoryGap): void => {};
  /**
   * When a consumer last went on after a position or was last not given an event, in milliseconds since 1970. A consumer may miss an
   * event that was accepted until then.
   */
  #mayLackAt = 0;
  #tending: Promise<void> | undefined;
  #tendTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
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
    this.#unable = new UnableNodes(talk, () => this.#feeding.leave("another node cannot keep events"));
    this.#mirror = new Mirror({
      limits,
      decode: talk.decode,
      onKept: (kept) => this.#breakSoon(this.#scopes.feed(kept, this.#feeding, this.#mirror.came)),
      onLost: (from) => this.#lost(from),
      onBreak: (from) => this.#broken(from),
    });
    const [scopes, keeper, mirror, unable] = [this.#scopes, this.#keeper, this.#mirror, this.#unable];
    this.#renewals = new ModeRenewals({ scopes, keeper, mirror, seconds: limits.seconds });
    this.#feeding = new Feeding({
      ...{ scopes, keeper, mirror, unable, logger },
      journal: () => this.#journal,
      onGap: (gap) => this.#onGap(gap),
    });
  }

  get #journal(): Journal | undefined {
    return this.#lasting.current;
  }

  get stats() {
    return this.#mirror.log.stats;
  }

  get available() {
    return this.#scopes.size === 0 ? this.#journal !== undefined : this.#feeding.hasPositions;
  }

  get reach() {
    const { events, seconds } = this.#options.limits;
    return this.#feeding.hasPositions ? { events, seconds } : undefined;
  }

  async start(): Promise<void> {
    this.#tendTimer = setInterval(() => this.#look(), tendMs);
    await this.#lasting.start();
    // A node that is only starting must not take the history from the others. So it says that it is unable no sooner.
    if (this.#journal === undefined) this.#unable.declare();
  }

  take(event: Event, placing?: Placing): void {
    this.#keeper.take(event, placing);
  }

  get taken() {
    return this.#keeper.taken;
  }

  kept(since: number): Promise<void> | undefined {
    return this.#keeper.kept(since);
  }

  follow(scope: HistoryScope, handler: FollowHandler): Following {
    const followed = new FollowedScope(scope, handler);
    for (const event of this.#mirror.log.recent(scope, performance.now() - lateMs)) followed.passed(event);
    this.#scopes.add(followed);
    this.#keeper.follow(scope);
    clearTimeout(this.#idleTimer);
    const begun = this.#begin(followed).then(() => {
      followed.mayHaveConsumers = true;
    });
    const [mirror, feeding] = [this.#mirror, this.#feeding];
    const caughtUp = () => mirror.caughtUp(this.#journal);
    return {
      get inForce() {
        return begun.then(caughtUp);
      },
      get position() {
        return feeding.hasPositions ? mirror.position : undefined;
      },
      resume: (position) => {
        const resume = mirror.resume(scope, position, feeding.hasPositions);
        if ("after" in resume) this.#mayLackAt = Date.now();
        return resume;
      },
      after: (sequence, max) => (feeding.hasPositions ? mirror.log.after(scope, sequence, max) : undefined),
      heard: (event) => this.#heard(followed, event),
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
    this.#feeding.stop();
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
    this.#feeding.leave(reason);
    // The other nodes may forget the scopes until the next journal is there, which may have other sequence numbers.
    for (const followed of this.#scopes) Object.assign(followed, { isKnown: false, since: undefined });
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
      await this.#mirror.caughtUp(journal);
      if (this.#journal !== journal) return;
      followed.isKnown = true;
      if (this.#feeding.hasPositions) return;
      // A run that began earlier may have found this scope unready.
      await this.#tending;
      await this.#tend();
    } catch {
      // The journal has ended. The next one begins the scope again.
    }
  }

  #heard(followed: FollowedScope, event: Event): void {
    const heard = followed.heard(event, this.#feeding.isThere, this.#mirror.came);
    if (!followed.mayHaveConsumers) return;
    if (heard === "handed") this.#feeding.gaveUnplaced();
    if (heard !== "lacked") return;
    this.#lackedGaps.add(followed.scope, event.time);
    this.#breakSoon(event.time);
  }

  #stop(followed: FollowedScope): void {
    this.#scopes.delete(followed);
    const journal = this.#journal;
    if (journal !== undefined) this.#renewals.renewLast(journal, followed.scope);
    if (this.#scopes.size > 0) return;
    this.#idleTimer = setTimeout(() => {
      this.#feeding.stop();
      this.#mirror.stop();
    }, this.#options.limits.seconds * 1000).unref();
  }

  #look(): void {
    this.#mirror.log.expire(performance.now());
    this.#breakSoon(this.#scopes.overdue(looksMax, this.#mirror.came));
    void this.#tend();
  }

  /**
   * Puts a break into the journal soon: a consumer that goes on may miss an event, or get an event twice, that was accepted at this time
   * or later. Does nothing when there is no such time.
   */
  #breakSoon(from: number | undefined): void {
    if (from === undefined) return;
    this.#mayLackAt = Date.now();
    if (!this.#keeper.owes)
      this.#logger.warn(
        { from: new Date(from).toISOString() },
        "the history lacks events, or got them late or out of order: positions from before are refused",
      );
    this.#keeper.owe(from);
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
      if (this.#unable.present) this.#feeding.leave("a node cannot keep events");
      else if (!this.#feeding.isThere) await this.#feeding.comeBack(journal);
    } catch {
      // The journal has ended, and the next one is opened.
    }
  }

  /** More was written into the journal than it holds, before this node could read it. */
  #lost(from: number): void {
    for (const followed of this.#scopes) followed.forget();
    this.#broken(from);
  }

  #broken(from: number | undefined): void {
    for (const { scope, since } of this.#scopes) if (since !== undefined) this.#mirror.begin(scope, since);
    if (from === undefined) return;
    // While the history is away, consumers get what the bus brings. But a consumer that went on before may have gone on over a lost event.
    if (this.#feeding.isThere || this.#mayLackAt >= from)
      this.#onGap({ reason: "history_interrupted", from, until: Date.now() });
  }
}
