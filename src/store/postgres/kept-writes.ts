/**
 * Keeps writes that the database did not take, and does them when the database is back. A write must do no harm when
 * it is done twice.
 */

import type { Logger } from "pino";

type KeptWrite = () => Promise<unknown>;

/** Most writes that are kept. Each holds the keys of at most 64 calls. */
const writesMax = 1_000;

export interface KeptWrites {
  /** Keeps a write that has failed. When too many are kept, the write is dropped, which is logged. */
  keep(write: KeptWrite): void;
  /** Does the kept writes one after the other. After a failure the rest stays kept. */
  write(): Promise<void>;
}

export function createKeptWrites(logger: Logger): KeptWrites {
  let kept: KeptWrite[] = [];
  return {
    keep(write) {
      if (kept.length < writesMax) kept.push(write);
      else logger.error("idempotency keys keep an unknown outcome: too many wait for the database");
    },

    async write() {
      const writes = kept;
      kept = [];
      for (let write = writes.shift(); write !== undefined; write = writes.shift()) {
        try {
          await write();
        } catch {
          kept = [write, ...writes, ...kept];
          return;
        }
      }
    },
  };
}
