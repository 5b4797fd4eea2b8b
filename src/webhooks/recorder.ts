/**
 * Stores attempts in groups: all that end while a group is being stored become the next group. While the database is
 * away the attempts wait, and with too many of them no further request is sent.
 */

import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { AttemptRecord, WebhookQueue } from "../store/webhook-queue.js";

const groupMax = 1_000;
/**
 * When a group has `largeGroup` attempts or more, the next group begins at least `largeGroupMs` milliseconds after that
 * group began. Each group changes one row for each of its webhooks, however large the group is. So a few large groups
 * cost PostgreSQL less than many small ones.
 */
const largeGroup = 64;
const largeGroupMs = 20;
/** With more attempts that wait to be stored, no request is sent. */
const waitingMax = 2_000;
const retryMs = 250;

interface Waiting {
  readonly attempt: AttemptRecord;
  readonly stored: () => void;
}

export interface RecorderOptions {
  readonly queue: WebhookQueue;
  /** Called when attempts could not be stored. They are tried again. */
  readonly onFailure: (error: unknown) => void;
  /** Called when requests may be sent again after too many attempts waited. */
  readonly onRoom: () => void;
}

export class Recorder {
  readonly #options: RecorderOptions;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #givenUp = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  get hasRoom(): boolean {
    return this.#waiting.length < waitingMax;
  }

  add(attempt: AttemptRecord, stored: () => void): void {
    this.#waiting.push({ attempt, stored });
    this.#running ??= this.#run();
  }

  /** Resolves when all attempts are stored, or after `ms` milliseconds. What is not stored then is sent again. */
  async close(ms: number): Promise<void> {
    const late = delay(ms, undefined, { ref: false });
    await Promise.race([late, this.#running]);
    this.#givenUp = true;
  }

  async #run(): Promise<void> {
    await nextTurn();
    while (this.#waiting.length > 0 && !this.#givenUp) {
      const began = performance.now();
      const group = this.#waiting.slice(0, groupMax);
      try {
        await this.#options.queue.record(group.map(({ attempt }) => attempt));
      } catch (error) {
        this.#options.onFailure(error);
        await delay(retryMs);
        continue;
      }
      const hadRoom = this.hasRoom;
      this.#waiting = this.#waiting.slice(group.length);
      for (const { stored } of group) stored();
      if (!hadRoom && this.hasRoom) this.#options.onRoom();
      if (group.length >= largeGroup) await delay(Math.max(began + largeGroupMs - performance.now(), 0));
    }
    this.#running = undefined;
  }
}
