/** Keeps a journal open: when one has ended, it opens another one. */

import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Journal } from "./journal.js";

export interface LastingJournalOptions {
  /** Opens a journal on a new connection. Rejects when JetStream cannot be used. */
  readonly open: () => Promise<Journal>;
  /** Makes a new journal ready. Rejects when the journal ends. */
  readonly onOpened: (journal: Journal) => Promise<void>;
  readonly onEnded: (journal: Journal, reason: string) => void;
  readonly logger: Logger;
}

/** How long `start` waits for the first journal, in milliseconds. */
const patienceMs = 2_000;
const retryMs = 500;

export class LastingJournal {
  readonly #options: LastingJournalOptions;
  readonly #closing = new AbortController();
  #current: Journal | undefined;
  #running: Promise<void> | undefined;
  /** The reason for which no journal could be opened, as it was last logged. */
  #complaint = "";

  constructor(options: LastingJournalOptions) {
    this.#options = options;
  }

  /** The journal, also while it is made ready. Undefined when none is open. */
  get current(): Journal | undefined {
    return this.#current;
  }

  /** Opens the first journal. Resolves when it is ready, at the first failure, and after two seconds at the latest. Never rejects. */
  async start(): Promise<void> {
    const ready = new Promise<void>((resolve) => {
      this.#running = this.#run(resolve);
    });
    await Promise.race([ready, delay(patienceMs, undefined, { ref: false })]);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#current?.close();
    await this.#running;
  }

  /** `onReady`: called when the first journal is ready, or could not be opened. */
  async #run(onReady: () => void): Promise<void> {
    const { logger, onOpened, onEnded } = this.#options;
    while (!this.#closing.signal.aborted) {
      const journal = await this.#open();
      if (journal === undefined) {
        onReady();
        await delay(retryMs, undefined, { signal: this.#closing.signal }).catch(() => {});
        continue;
      }
      if (this.#closing.signal.aborted) return journal.close();
      logger.info("JetStream is there");
      this.#complaint = "";
      this.#current = journal;
      const opened = onOpened(journal).then(onReady, () => {});
      const reason = await journal.ended;
      this.#current = undefined;
      if (!this.#closing.signal.aborted) logger.warn({ reason }, "JetStream is away: no history is kept");
      onEnded(journal, reason);
      await opened;
    }
  }

  async #open(): Promise<Journal | undefined> {
    try {
      return await this.#options.open();
    } catch (error) {
      const { message: reason } = error as Error;
      if (reason !== this.#complaint) {
        this.#options.logger.warn({ reason }, "JetStream cannot be used: no history is kept");
      }
      this.#complaint = reason;
      return undefined;
    }
  }
}
