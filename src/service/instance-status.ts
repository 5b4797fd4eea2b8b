/** Keeps the state of instances that `instance.state` events tell, written behind: publishing never waits for it. */

import type { Logger } from "pino";
import type { Store } from "../store/store.js";

/** Longer states are no states; they are left unrecorded. Characters. */
const stateMax = 64;
/** Between a failed write and the next try, in milliseconds. */
const retryMs = 1_000;

export interface InstanceStatus {
  /** Notes the state that the data of an `instance.state` event tells. */
  record(instanceId: string, data: Uint8Array): void;
  /** The state that is not written yet, if there is one: newer than the store's. */
  pending(instanceId: string): string | undefined;
  /** Writes what is left, once, and stops. */
  close(): Promise<void>;
}

export function createInstanceStatus({ store, logger }: { store: Store; logger: Logger }): InstanceStatus {
  /** One state per instance at most: only the last one counts. */
  let waiting = new Map<string, string>();
  let writing = new Map<string, string>();
  let worker: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  async function write(): Promise<void> {
    while (waiting.size > 0) {
      writing = waiting;
      waiting = new Map();
      try {
        await store.setStatuses(writing);
      } catch (error) {
        logger.warn({ err: error, instances: writing.size }, "instance states not written, will try again");
        waiting = new Map([...writing, ...waiting]);
        if (!closed) retry = setTimeout(start, retryMs);
        return;
      } finally {
        writing = new Map();
      }
    }
  }

  function start(): void {
    retry = undefined;
    worker = write().finally(() => {
      worker = undefined;
    });
  }

  return {
    record(instanceId, data) {
      const state: unknown = JSON.parse(Buffer.from(data).toString()).state;
      if (typeof state !== "string" || state.length === 0 || state.length > stateMax) return;
      waiting.set(instanceId, state);
      if (worker === undefined && retry === undefined) start();
    },

    pending: (instanceId) => waiting.get(instanceId) ?? writing.get(instanceId),

    async close() {
      closed = true;
      clearTimeout(retry);
      await worker;
      if (waiting.size > 0) await write();
    },
  };
}
