/** Tells whether this node can serve. */

import type { Directory } from "../directory/directory.js";
import type { Store } from "../store/store.js";

export interface Health {
  /** Why the database is not usable; undefined when it is. Never rejects. */
  trouble(): Promise<"unreachable" | "starting" | undefined>;
  /** The node shuts down: it takes no further sockets and lets go of those that it has. */
  readonly draining: boolean;
  /** Whole seconds since the process started. */
  uptime(): number;
}

export function createHealth(options: {
  store: Store;
  directory: Directory;
  /** Aborted when the node begins to shut down. */
  draining: AbortSignal;
}): Health {
  const { store, directory, draining } = options;
  /** Anyone may ask, as often as they like: all who ask at once share one question to the database. */
  let asking: ReturnType<Health["trouble"]> | undefined;

  async function ask(): ReturnType<Health["trouble"]> {
    try {
      return (await store.trouble()) ?? (directory.ready ? undefined : "starting");
    } catch {
      return "unreachable";
    }
  }

  return {
    trouble() {
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    get draining() {
      return draining.aborted;
    },
    uptime: () => Math.floor(process.uptime()),
  };
}
