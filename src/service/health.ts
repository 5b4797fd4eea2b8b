/** Reports the health of this node: whether its database and its bus can be used, and whether the node shuts down. */

import type { Bus } from "../bus/bus.js";
import type { Directory } from "../directory/directory.js";
import type { Store, Trouble } from "../store/store.js";

export interface Checks {
  /** The state of the database: `ok`, or the reason why it cannot be used. */
  readonly db: "ok" | Trouble;
  /** Present while the node shuts down. It then accepts no new sockets, and closes the open ones over time. */
  readonly node?: "draining";
  /** The state of the bus: `ok`, or the reason why other nodes cannot be reached. Absent on a node that runs alone. */
  readonly bus?: "ok" | "unreachable";
}

export interface Health {
  /** Runs all checks of the node's health. The check of the database asks the database. Never rejects. */
  check(): Promise<Checks>;
  /**
   * The first check that failed and its state, such as `db full`. The database comes first, then the shutdown, then the
   * bus. Undefined when all checks passed. Never rejects.
   */
  trouble(): Promise<string | undefined>;
  /** Time since the process started, in whole seconds. */
  uptime(): number;
}

/** For each failed check and its state, the sentence that the operator reads. */
const sentences: Readonly<Record<string, string>> = {
  "db unreachable": "The database does not answer: configuration cannot be changed until it does.",
  "db starting": "The database has not been read yet: calls are refused until it has.",
  "db unheard":
    "Changes in the database do not reach this node, so it refuses calls and upgrades. The log says why; most often " +
    "DATABASE_URL must name the primary PostgreSQL itself, or a pooler in session mode.",
  "db read_only":
    "The database takes no writes: configuration cannot be changed. DATABASE_URL must name the primary, and " +
    "default_transaction_read_only must be off.",
  "db full": "The disk of the database is full: configuration cannot be changed until there is room.",
  "db no_connections":
    "The database has no connection left for this node: raise max_connections, or end those of others.",
  "db unwritable": "Writes to the database fail: configuration cannot be changed. The log says why.",
  "node draining": "This node shuts down: connect to another.",
  "bus unreachable": "Other nodes cannot be reached: events of theirs are missed here, and those of this node there.",
};

/**
 * One sentence for the operator that says why the node is degraded, for the first check that failed. Undefined when all
 * checks passed.
 */
export function describeTrouble(checks: Checks): string | undefined {
  const wrong = firstWrong(checks);
  return wrong && (sentences[wrong] ?? `The check ${wrong}.`);
}

function firstWrong(checks: Checks): string | undefined {
  const wrong = Object.entries(checks).find(([, state]) => state !== "ok");
  return wrong && `${wrong[0]} ${wrong[1]}`;
}

export function createHealth(options: {
  store: Store;
  directory: Directory;
  /** The bus to other nodes. Absent on a node that runs alone. */
  bus?: Bus | undefined;
  /** A signal that is aborted when the node begins to shut down. */
  draining: AbortSignal;
}): Health {
  const { store, directory, bus, draining } = options;
  /**
   * The running question to the database. Anybody may ask for the health as often as they like. Callers that ask at the
   * same time share one question.
   */
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
    trouble: async () => firstWrong(await check()),
    uptime: () => Math.floor(process.uptime()),
  };
}
