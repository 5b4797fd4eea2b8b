/** Keeps some open files free for the process itself. Near the limit the public port takes no more connections. */

import { closeSync, openSync } from "node:fs";
import type { Logger } from "pino";

export interface FilesWatch {
  close(): void;
}

export interface FilesWatchOptions {
  readonly max: number;
  /** The number of open files. Undefined when the system does not tell it. */
  readonly count: () => Promise<number | undefined>;
  /** Stops accepting connections. Otherwise each accept would fail and be tried again without end. */
  readonly onFull: () => void;
  /** Accepts connections again. False when that is not possible yet. */
  readonly onFree: () => Promise<boolean>;
  readonly logger: Logger;
}

/** Files that are kept for the database, the bus, other files, and connections that come between two looks. */
const reserve = 64;
/** Files that a database pool, the bus and a scrape may need at once. */
const spareFiles = 16;
const warnPart = 0.8;
/** When fewer files are open than this part, the next warning is logged again. */
const calmPart = 0.7;
const everyMs = 250;
/** After a count that takes long, as of a large directory, the watch rests for this many times as long. */
const restFactor = 50;
/** Shortest time between two lines with the same message. */
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
 * Files that are open for nothing. They are closed when connections have taken all others, so that some can be opened
 * at once.
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
      // No more files can be opened: keep those that are open.
    }
  }

  free(): void {
    for (const file of this.#files.splice(0)) closeSync(file);
  }
}
