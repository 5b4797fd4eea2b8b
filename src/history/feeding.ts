/**
 * Decides from where the consumers of this node get their events: from the journal, with positions, or from the bus, without positions.
 * It changes from one to the other without losing or repeating an event. Right after the change to the journal, events have no positions
 * yet: a consumer that went on after such a position would get events again that it already got from the bus.
 */

import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { FeedState, FollowedScopes } from "./followed-scope.js";
import type { HistoryGap } from "./history.js";
import type { Journal } from "./journal.js";
import type { JournalKeeper } from "./journal-keeper.js";
import type { Mirror, Place } from "./mirror.js";
import { gapOf } from "./turn-gaps.js";
import type { UnableNodes } from "./unable-nodes.js";

export interface FeedingOptions {
  readonly scopes: FollowedScopes;
  readonly mirror: Mirror;
  readonly keeper: JournalKeeper;
  readonly unable: UnableNodes;
  /** Returns the journal that is open now. */
  readonly journal: () => Journal | undefined;
  /** Called with each span in which consumers may not have been given an event. */
  readonly onGap: (gap: HistoryGap) => void;
  readonly logger: Logger;
}

/** The longest wait of `comeBack` in milliseconds: first for the bus, and then once more for the journal. */
const returnMsMax = 1_000;
const returnLookMs = 20;

export class Feeding implements FeedState {
  readonly #options: FeedingOptions;
  #isThere = false;
  #hasPositions = false;
  /** The place up to which consumers of this node had positions when the history last went away. Undefined when it never was there. */
  #given: Place | undefined;
  /** Whether the bus gave a consumer an event without a position while the history was away. */
  #gaveUnplaced = false;
  /** Whether this node has put a break into the journal since the history went away. */
  #hasBroken = false;

  constructor(options: FeedingOptions) {
    this.#options = options;
  }

  /** Whether the consumers are fed from the journal. Always false while nobody follows anything. */
  get isThere(): boolean {
    return this.#isThere;
  }

  /** Whether the consumers get positions, and can go on after one. */
  get hasPositions(): boolean {
    return this.#hasPositions;
  }

  /** Notes that the bus gave a consumer an event without a position. */
  gaveUnplaced(): void {
    this.#gaveUnplaced = true;
  }

  /** Stops feeding from the journal. Call this when nobody follows anything, and when the node closes. */
  stop(): void {
    if (this.#hasPositions) {
      this.#given = this.#options.mirror.place;
      this.#hasBroken = false;
    }
    this.#isThere = false;
    this.#hasPositions = false;
  }

  /** Feeds the consumers from the bus. What the bus has brought already comes first. */
  leave(reason: string): void {
    if (!this.#isThere) return;
    const { mirror, scopes, logger } = this.#options;
    this.stop();
    logger.warn({ reason }, "the history is away: consumers of eventwire.v1 get events without positions");
    for (const followed of scopes) if (followed.release(mirror.came) > 0) this.#gaveUnplaced = true;
  }

  /**
   * Feeds the consumers from the journal, when this node has read it to its end and can still keep events. Does nothing else when that
   * is not so. Rejects when the journal ends.
   */
  async comeBack(journal: Journal): Promise<void> {
    const { mirror, scopes, keeper, unable, logger } = this.#options;
    await mirror.read(journal);
    if (!scopes.areKnown) return;
    // A client that keeps an old position over events without one must not get these events again.
    const mayCount = !this.#hasBroken && (this.#given === undefined || mirror.accepts(this.#given));
    if (this.#gaveUnplaced && mayCount) {
      await mirror.reached(await journal.mark({ kind: "break", from: undefined }));
      this.#hasBroken = true;
    }
    await mirror.caughtUp(journal);
    await whileDue(() => scopes.anyAwaitsBus);
    if (this.#options.journal() !== journal || unable.present || keeper.owes) return;
    if (scopes.size === 0 || !scopes.areKnown) return;
    this.#isThere = true;
    this.#gaveUnplaced = false;
    this.#giveUp();
    for (const followed of scopes) followed.awaitJournal();
    await whileDue(() => this.#isThere && scopes.anyAwaitsJournal);
    if (!this.#isThere) return;
    for (const followed of scopes) followed.endAwaiting();
    this.#hasPositions = true;
    logger.info("the history is there: consumers of eventwire.v1 can resume");
  }

  /** Tells of the events that the bus has not brought yet. They are not handed over any more. */
  #giveUp(): void {
    const { scopes, onGap } = this.#options;
    for (const followed of scopes) {
      const from = followed.giveUp();
      if (from !== undefined) onGap(gapOf(followed.scope, from));
    }
  }
}

/** Resolves when nothing is due any more, and after `returnMsMax` at the latest. */
async function whileDue(isDue: () => boolean): Promise<void> {
  for (let waited = 0; waited < returnMsMax && isDue(); waited += returnLookMs) await delay(returnLookMs);
}
