/** Tells whether this node can serve. */

import type { Bus } from "../bus/bus.js";
import type { Directory } from "../directory/directory.js";
import type { Store, Trouble } from "../store/store.js";

export interface Checks {
  /** `ok`, or why the database is not usable. */
  readonly db: "ok" | Trouble;
  /** The node shuts down: it takes no further sockets and lets go of those that it has. */
  readonly node?: "draining";
  /** `ok`, or why other nodes cannot be reached; absent on a node that is alone. */
  readonly bus?: "ok" | "unreachable";
}

export interface Health {
  /** Never rejects. */
  check(): Promise<Checks>;
  /** Why this node is not as it should be; undefined when it is. Never rejects. */
  trouble(): Promise<string | undefined>;
  /** Whole seconds since the process started. */
  uptime(): number;
}

export function createHealth(options: {
  store: Store;
  directory: Directory;
  /** Absent on a node that is alone. */
  bus?: Bus | undefined;
  /** Aborted when the node begins to shut down. */
  draining: AbortSignal;
}): Health {
  const { store, directory, bus, draining } = options;
  /** Anyone may ask, as often as they like: all who ask at once share one question to the database. */
  let asking: Promise<Checks["db"]> | undefined;

  async function ask(): Promise<Checks["db"]> {
    try {
      return (await store.trouble()) ?? (directory.ready ? "ok" : "starting");
    } catch {
      return "unreachable";
    }
  }

  async function check(): Promise<Checks> {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    const db = await asking;
    return {
      db,
      ...(draining.aborted && { node: "draining" }),
      ...(bus && { bus: bus.trouble() ?? "ok" }),
    };
  }

  return {
    check,
    async trouble() {
      const wrong = Object.entries(await check()).find(([, state]) => state !== "ok");
      return wrong && `${wrong[0]} ${wrong[1]}`;
    },
    uptime: () => Math.floor(process.uptime()),
  };
}
