/** Tells whether this node can serve. */

import type { Directory } from "../directory/directory.js";
import type { Store } from "../store/store.js";

export interface Health {
  /** Why the database is not usable; undefined when it is. Never rejects. */
  trouble(): Promise<"unreachable" | "starting" | undefined>;
  /** Whole seconds since the process started. */
  uptime(): number;
}

export function createHealth({ store, directory }: { store: Store; directory: Directory }): Health {
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
    uptime: () => Math.floor(process.uptime()),
  };
}
