/**
 * Appends the events that this node accepts to the journal, if a node follows their instance or account. It notes which events the
 * journal may lack, and puts a break into the journal for them.
 */

import { type Event, travelMsMax } from "../bus/bus.js";
import type { NodeTalk } from "../bus/node-talk.js";
import type { HistoryScope, Placing } from "./history.js";
import type { Journal } from "./journal.js";
import { keptScopes, readScope, scopeText } from "./mode-notes.js";
import { positionText } from "./position.js";
import { ScopeModes } from "./scope-modes.js";

/** How much longer than the notes of the journal live a node believes that a scope is followed, in milliseconds. */
const extraBeliefMs = 10_000;

/** The name under which a node tells all nodes of the scopes that it follows. */
const followedName = "followed";

export class JournalKeeper {
  readonly #talk: NodeTalk;
  readonly #modes: ScopeModes;
  #journal: Journal | undefined;
  #taken = 0;
  /** Since when this node may have accepted events that the journal does not have, in milliseconds since 1970. */
  #owedSince: number | undefined;
  /** The connection of the bus on which this node last learned all scopes. Messages may be missed on any other one. */
  #learnedOn: number | undefined;

  /** `seconds`: how long the notes of the journal live. */
  constructor(talk: NodeTalk, seconds: number) {
    this.#talk = talk;
    this.#modes = new ScopeModes(seconds * 1000 + extraBeliefMs);
    talk.hear(followedName, (data) => {
      for (const text of Buffer.from(data).toString().split("\n")) this.#hear(readScope(text));
    });
  }

  /** Whether the journal may lack events, so that it needs a break. */
  get owes(): boolean {
    return this.#owedSince !== undefined;
  }

  /** Whether this node appends to this journal. */
  uses(journal: Journal): boolean {
    return this.#journal === journal;
  }

  /** Ends the use of a journal that has ended. */
  leave(journal: Journal): void {
    this.#journal = undefined;
    if (journal.unconfirmedSince !== undefined) this.owe(journal.unconfirmedSince - travelMsMax);
  }

  take(event: Event, placing: Placing | undefined): void {
    if (!this.#hearsAll) this.#modes.doubt();
    if (this.#modes.keeps(event)) this.#append(event, placing);
  }

  /** See `History.taken`. */
  get taken(): number {
    return this.#taken;
  }

  /** See `History.kept`. */
  kept(since: number): Promise<void> | undefined {
    return this.#taken === since ? undefined : this.#journal?.confirmed();
  }

  /** Keeps the events of a scope from now on, on this node. */
  follow(scope: HistoryScope): void {
    this.#modes.add(scope);
  }

  /** Makes all nodes keep the events of these scopes. Resolves when NATS has told them, or is away. Never rejects. */
  async tell(scopes: readonly HistoryScope[]): Promise<void> {
    for (const scope of scopes) this.#modes.add(scope);
    await this.#talk.tell(followedName, Buffer.from(scopes.map(scopeText).join("\n")));
  }

  /** Notes that the journal may lack events which this node accepted, or heard of, since a time in milliseconds since 1970. */
  owe(since: number): void {
    this.#owedSince = Math.min(since, this.#owedSince ?? since);
  }

  /**
   * Learns the scopes that it may not have heard of, begins to use the journal, and puts a break into it if it owes one. The use of
   * a journal begins only when the bus is there: consumers of other nodes must hear of the events that neither the bus nor a
   * journal has got before they get later ones. Rejects when the journal ends.
   */
  async settle(journal: Journal): Promise<void> {
    this.#modes.expire();
    if (!this.#hearsAll || !this.#modes.known) await this.#learn(journal);
    if (this.#journal !== journal && !this.#hearsAll) return;
    // The break is the first entry that this node appends to a new journal.
    this.#journal = journal;
    while (this.#owedSince !== undefined) {
      const from = this.#owedSince;
      this.#owedSince = undefined;
      await journal.mark({ kind: "break", from }).catch((error: unknown) => {
        this.owe(from);
        throw error;
      });
    }
  }

  /** Whether no message about scopes was missed since all scopes were learned. */
  get #hearsAll(): boolean {
    const { connection } = this.#talk;
    return connection !== undefined && connection === this.#learnedOn;
  }

  async #learn(journal: Journal): Promise<void> {
    const { connection } = this.#talk;
    for (const scope of await keptScopes(journal)) this.#modes.add(scope);
    if (connection === undefined || connection !== this.#talk.connection) return;
    this.#learnedOn = connection;
    this.#modes.learned();
  }

  /** Hears that a node follows a scope. Appends the events of the scope that this node accepted just before, which that node awaits. */
  #hear(scope: HistoryScope): void {
    const events = this.#modes.lacks(scope) ? this.#talk.unconfirmed() : [];
    const unkept = events.filter((event) => isOf(scope, event) && !this.#modes.keeps(event));
    this.#modes.add(scope);
    for (const event of unkept) this.#append(event);
  }

  #append(event: Event, placing?: Placing): void {
    const journal = this.#journal;
    this.#taken++;
    if (journal === undefined) this.owe(event.time);
    else journal.append(event, this.#talk.encode(event), placing && onStored(journal.epoch, event.time, placing));
  }
}

function onStored(epoch: string, time: number, placing: Placing): (sequence: number) => void {
  return (sequence) => {
    placing.position = positionText(epoch, sequence, time);
  };
}

function isOf(scope: HistoryScope, { accountId, instanceId }: Event): boolean {
  return accountId === scope.accountId && (scope.instanceId === "" || scope.instanceId === instanceId);
}
