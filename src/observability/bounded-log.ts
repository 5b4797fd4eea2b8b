/**
 * Writes log lines that clients can cause: a bounded number of each kind per second, and then how many were left out.
 */

import type { Logger } from "pino";

/** Most lines of one message in one window. */
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

  /** `message` is the kind of the line. It must be a constant text without anything that a client sent. */
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
