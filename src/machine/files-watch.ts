/**
 * Watches the number of open files. Near the limit, the watch tells the public port to accept no more connections, so
 * that the process can still open files for itself. When enough files are free again, it tells the port to go on.
 */

import { closeSync, openSync } from "node:fs";
import type { Logger } from "pino";

export interface FilesWatch {
  close(): void;
}

export interface FilesWatchOptions {
  /** How many files this process may have open. */
  readonly max: number;
  /** Counts the files that this process has open. Undefined when the system does not give the number. */
  readonly count: () => Promise<number | undefined>;
  /**
   * Called once when the limit is near, to stop accepting connections. Without that, each accept at the limit would
   * fail and be tried again without end.
   */
  readonly onFull: () => void;
  /**
   * Called when enough files are free, to accept connections again. Resolves to false when that is not possible yet;
   * then it is called again after the next count.
   */
  readonly onFree: () => Promise<boolean>;
  readonly logger: Logger;
}

/**
 * Number of files that connections may not use. They are for the database, the bus, other files, and connections that
 * arrive between two counts.
 */
const reserve = 64;
/**
 * Number of files that the watch holds open and closes near the limit. A database pool, the bus and a scrape may then
 * need so many at once.
 */
const spareFiles = 16;
/** When the number of open files reaches this part of the limit, a warning is logged. */
const warnPart = 0.8;
/**
 * After a warning, the number of open files must fall below this part of the limit before a warning is logged again.
 */
const calmPart = 0.7;
const everyMs = 250;
/** The watch rests at least this many times as long as the last count took, because counting many files can be slow. */
const restFactor = 50;
/** Shortest time between two log lines that say that the port has stopped accepting, in milliseconds. */
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
      logger.warn({ open, max }, "most of the allowed open files are in use: raise the limit (LimitNOFILE, nofile)");
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

/**
 * Files that are held open without being used. When connections have taken all other files, these are closed, so that
 * the process can open some files.
 */
class SpareFiles {
  #files: number[] = [];

  constructor() {
    this.occupy();
  }

  occupy(): void {
    try {
      while (this.#files.length < spareFiles) this.#files.push(openSync("/dev/null", "r"));
    } catch {
      // The limit is reached, so fewer spare files are held open.
    }
  }

  free(): void {
    for (const file of this.#files.splice(0)) closeSync(file);
  }
}
