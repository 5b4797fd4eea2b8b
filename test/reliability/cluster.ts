/** Several nodes as processes of their own, on one PostgreSQL and one nats-server, each of which can be killed. */

import { type KillablePostgres, startKillablePostgres } from "../support/killable-postgres.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { type RunningServer, startServerProgram } from "../support/program.js";
import { until } from "../support/until.js";
import type { Interruption } from "./books.js";

/** A node over all its restarts. */
export interface Node {
  /** Undefined while there is none. */
  running: NodeProcess | undefined;
}

export interface NodeProcess extends RunningServer {
  /** Unlike that of any other process, also of the same node. */
  readonly number: number;
}

export interface Cluster {
  readonly token: string;
  readonly nodes: readonly Node[];
  readonly nats: NatsServer;
  readonly postgres: KillablePostgres;
  /** Every process that there ever was. */
  readonly processes: readonly NodeProcess[];
  start(node: Node): Promise<void>;
  /** Resolves once every node runs, and says that it is well. */
  healthy(): Promise<void>;
  /** What each node said of its health when it was last asked. */
  health(): readonly string[];
  call(process: NodeProcess, method: string, path: string, body?: object): Promise<Response>;
  interruptions(): Interruption[];
  close(): Promise<void>;
}

const token = "ta_of-the-ledger";

/** `env`: further settings of the nodes. */
export async function startCluster(size: number, env: Record<string, string> = {}): Promise<Cluster> {
  const [postgres, nats] = await Promise.all([startKillablePostgres(), startNatsServer('write_deadline: "1s"')]);
  const nodes: Node[] = Array.from({ length: size }, () => ({ running: undefined }));
  const processes: NodeProcess[] = [];
  let health: readonly string[] = [];

  async function start(node: Node): Promise<void> {
    const server = await startServerProgram({
      DATABASE_URL: postgres.url,
      NATS_URL: nats.url,
      ACCOUNT_TOKEN: token,
      ENCRYPTION_KEY: "1e".repeat(32),
      RATE_LIMIT_GLOBAL: "0",
      RATE_LIMIT_CREATE: "0",
      LOG_LEVEL: "warn",
      ...env,
    });
    const process = Object.defineProperty(server, "number", { value: processes.length + 1 }) as NodeProcess;
    processes.push(process);
    node.running = process;
  }

  await Promise.all(nodes.map(start));

  return {
    token,
    nodes,
    nats,
    postgres,
    processes,
    start,
    healthy: () =>
      until(async () => {
        health = await Promise.all(nodes.map(({ running }) => (running ? askHealth(running) : "not running")));
        return health.every((text) => text.includes('"status":"ok"'));
      }),
    health: () => health,
    call: (process, method, path, body) =>
      fetch(process.url + path, {
        method,
        headers: { token, "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(callMsMax),
      }),
    interruptions: () => processes.flatMap(interruptionsOf),
    async close() {
      for (const { running } of nodes) {
        running?.kill("SIGCONT");
        running?.kill("SIGTERM");
      }
      await Promise.all(nodes.map(({ running }) => running?.ended));
      await Promise.all([nats.close(), postgres.close()]);
    },
  };
}

/** Longer than any fault: who waits so long waits for ever. */
const callMsMax = 20_000;

/** A node that does not answer in a second is asked again. */
const healthMsMax = 1_000;

/** The body, which must be read: one that nobody reads keeps its connection, and the next request would wait for it. */
async function askHealth({ url }: NodeProcess): Promise<string> {
  try {
    return await (await fetch(`${url}/health`, { signal: AbortSignal.timeout(healthMsMax) })).text();
  } catch (error) {
    return String(error);
  }
}

/** As the process has logged them. */
function interruptionsOf({ number: process, stderr }: NodeProcess): Interruption[] {
  const found: Interruption[] = [];
  for (const line of stderr.split("\n")) {
    // A process that was killed may have left half a line.
    if (!line.includes('"the bus is ') || !line.endsWith("}")) continue;
    const { msg, reason, from, until } = JSON.parse(line);
    if (until === undefined) found.push({ process, reason, from: Date.parse(from), until: Number.POSITIVE_INFINITY });
    else if (msg === "the bus is back") (found.at(-1) as Interruption).until = Date.parse(until);
  }
  return found;
}
