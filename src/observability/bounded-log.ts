/**
 * Writes log lines that clients can cause. Of each message, at most 20 lines are written per second. When more came, a
 * last line at the end of that second says how many were left out.
 */

import type { Logger } from "pino";

/** Most lines with the same message that are written within `windowMs`, a second. */
const linesMax = 20;
const windowMs = 1_000;

interface Window {
  lines: number;
  leftOut: number;
}

export class BoundedLog {
  readonly #logger: Logger;
  readonly #windows = new Map<string, Window>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * Writes one line, unless 20 lines with this message were written in the running second. `message` is a constant text
   * without anything that a client sent; what differs stands in `fields`.
   */
  info(message: string, fields: Readonly<Record<string, unknown>>): void {
    const window = this.#windows.get(message) ?? this.#open(message);
    if (window.lines < linesMax) {
      window.lines++;
      this.#logger.info(fields, message);
    } else {
      window.leftOut++;
    }
  }

  #open(message: string): Window {
    const window: Window = { lines: 0, leftOut: 0 };
    this.#windows.set(message, window);
    setTimeout(() => {
      this.#windows.delete(message);
      if (window.leftOut > 0) this.#logger.info({ leftOut: window.leftOut }, `${message}: lines left out`);
    }, windowMs).unref();
    return window;
  }
}
