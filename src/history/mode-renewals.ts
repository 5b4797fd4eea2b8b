/** Keeps the notes of the followed scopes alive, and tells all nodes of these scopes. */

import type { FollowedScope, FollowedScopes } from "./followed-scope.js";
import type { HistoryScope } from "./history.js";
import type { Journal } from "./journal.js";
import type { JournalKeeper } from "./journal-keeper.js";
import type { Mirror } from "./mirror.js";
import { keepMode } from "./mode-notes.js";

/** How often a note is renewed within its life. */
const renewals = 3;
/** How many notes are renewed at the same time, and told of in one message. */
const atOnce = 100;

export interface ModeRenewalsOptions {
  readonly scopes: FollowedScopes;
  readonly keeper: JournalKeeper;
  readonly mirror: Mirror;
  /** How long a note lives after its last renewal. */
  readonly seconds: number;
}

export class ModeRenewals {
  readonly #options: ModeRenewalsOptions;
  readonly #everyMs: number;
  #renewedAt = performance.now();
  readonly #farewells = new Set<Promise<void>>();

  constructor(options: ModeRenewalsOptions) {
    this.#options = options;
    this.#everyMs = (options.seconds * 1000) / renewals;
  }

  /** Makes or renews the notes of some scopes, and tells all nodes of them. Rejects when the journal ends. */
  async keep(journal: Journal, some: readonly FollowedScope[]): Promise<void> {
    const { keeper, mirror } = this.#options;
    await Promise.all(
      some.map(async (followed) => {
        followed.since = await keepMode(journal, followed.scope);
        mirror.begin(followed.scope, followed.since);
      }),
    );
    await keeper.tell(some.map(({ scope }) => scope));
  }

  /** Renews all notes if that is due. Rejects when the journal ends. */
  async renew(journal: Journal): Promise<void> {
    const now = performance.now();
    if (now - this.#renewedAt < this.#everyMs) return;
    this.#renewedAt = now;
    const all = [...this.#options.scopes];
    for (let at = 0; at < all.length; at += atOnce) await this.keep(journal, all.slice(at, at + atOnce));
  }

  /** Renews the note of a scope that nobody follows any more, so that it lasts for `seconds` from now on. */
  renewLast(journal: Journal, scope: HistoryScope): void {
    const farewell = keepMode(journal, scope)
      .then(() => this.#options.keeper.tell([scope]))
      .catch(() => {})
      .finally(() => this.#farewells.delete(farewell));
    this.#farewells.add(farewell);
  }

  /** Resolves when the last renewals are written, or when the journal has ended. Never rejects. */
  async written(): Promise<void> {
    await Promise.all(this.#farewells);
  }
}
