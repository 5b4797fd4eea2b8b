/** Keeps some open files free for what the process itself needs: near the limit no more connections are taken. */

import { closeSync, openSync } from "node:fs";
import type { Logger } from "pino";

export interface FilesWatch {
  close(): void;
}

export interface FilesWatchOptions {
  readonly max: number;
  /** Undefined where the system does not tell. */
  readonly count: () => Promise<number | undefined>;
  /** Stops taking connections. Where none were taken, accepting would fail, and be tried again without end. */
  readonly onFull: () => void;
  /** Takes connections again. False: it cannot yet. */
  readonly onFree: () => Promise<boolean>;
  readonly logger: Logger;
}

/** For the database, the bus, files, and connections that come between two looks. */
const reserve = 64;
/** What a pool of database connections, the bus and a scrape of the metrics may need at once. */
const spareFiles = 16;
const warnPart = 0.8;
/** Below it the next warning is a new one. */
const calmPart = 0.7;
const everyMs = 250;
/** A count that takes long, as of a large directory, has so many times its own time of rest after it. */
const restFactor = 50;
/** Between two lines that say the same. */
const quietMs = 60_000;

export function watchFiles({ max, count, onFull, onFree, logger }: FilesWatchOptions, lookMs = everyMs): FilesWatch {
  const spare = new SpareFiles();
  let full = false;
  let warned = false;
  let closed = false;
  let saidAt = Number.NEGATIVE_INFINITY;

  function say(write: () => void): void {
    if (performance.now() - saidAt < quietMs) return;
    saidAt = performance.now();
    write();
  }

  async function look(): Promise<void> {
    const open = await count();
    if (open === undefined) return;
    if (!full && open > max - reserve) {
      full = true;
      onFull();
      spare.free();
      say(() =>
        logger.error({ open, max }, "too many open files: the public port takes no connections until some are closed"),
      );
    } else if (full && open <= max - 2 * reserve && (await onFree())) {
      full = false;
      spare.occupy();
      logger.info({ open, max }, "the public port takes connections again");
    }
    if (open >= max * warnPart && !warned) {
      warned = true;
      logger.warn({ open, max }, "most of the files that may be open are: raise the limit (LimitNOFILE, nofile)");
    } else if (open < max * calmPart) warned = false;
  }

  function lookAfter(restMs: number): NodeJS.Timeout {
    return setTimeout(async () => {
      const begunAt = performance.now();
      await look().catch((error: unknown) => logger.error({ err: error }, "the open files could not be watched"));
      const tookMs = performance.now() - begunAt;
      if (!closed) timer = lookAfter(Math.max(lookMs, tookMs * restFactor));
    }, restMs).unref();
  }

  let timer = lookAfter(lookMs);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      spare.free();
    },
  };
}

/** Open files that nobody needs, so that some can be had at once when connections have taken all others. */
class SpareFiles {
  #files: number[] = [];

  constructor() {
    this.occupy();
  }

  occupy(): void {
    try {
      while (this.#files.length < spareFiles) this.#files.push(openSync("/dev/null", "r"));
    } catch {
      // As many as there were.
    }
  }

  free(): void {
    for (const file of this.#files.splice(0)) closeSync(file);
  }
}
