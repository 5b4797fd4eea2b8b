/**
 * Keeps writes that the database did not take, and tries them again each second. A write must do no harm when it is done
 * twice.
 */

import type { Logger } from "pino";

type KeptWrite = () => Promise<unknown>;

/** Most writes that are kept. Each holds the keys of at most 64 calls. */
const writesMax = 1_000;
/** Time between two attempts, in milliseconds. */
const retryMs = 1_000;

export interface KeptWrites {
  /** Keeps a write that has failed. When too many are kept, the write is dropped, which is logged. */
  keep(write: KeptWrite): void;
  /** Tries the kept writes once more, and stops. Writes that fail again are lost. */
  close(): Promise<void>;
}

export function createKeptWrites(logger: Logger): KeptWrites {
  let kept: KeptWrite[] = [];
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  /** Does the kept writes one after the other. After a failure the rest stays kept. */
  async function write(): Promise<void> {
    const writes = kept;
    kept = [];
    for (const [done, one] of writes.entries()) {
      try {
        await one();
      } catch {
        kept = [...writes.slice(done), ...kept];
        break;
      }
    }
    retry = undefined;
    planRetry();
  }

  function planRetry(): void {
    if (kept.length > 0 && !closed) retry ??= setTimeout(write, retryMs).unref();
  }

  return {
    keep(one) {
      if (kept.length >= writesMax) {
        logger.error("the outcome of some idempotency keys stays unknown: too many writes wait for the database");
        return;
      }
      kept.push(one);
      planRetry();
    },

    async close() {
      closed = true;
      clearTimeout(retry);
      await write();
    },
  };
}
