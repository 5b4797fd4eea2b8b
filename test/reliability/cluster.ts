/** Several nodes as processes of their own, on one PostgreSQL and one nats-server, each of which can be killed. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { childrenOf } from "../support/children.js";
import { jetStream } from "../support/history-nodes.js";
import { type KillablePostgres, startKillablePostgres } from "../support/killable-postgres.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { type RunningServer, startProgram, startServerProgram } from "../support/program.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";
import type { Death, Interruption } from "./books.js";

/** A node over all its restarts. */
export interface Node {
  /** Undefined while there is none. */
  running: NodeProcess | undefined;
  /** How many processes share its ports. */
  readonly workers: number;
}

export interface NodeProcess extends RunningServer {
  /** Unlike that of any other process, also of the same node. */
  readonly number: number;
  /** How many there are; 1: the process itself serves. */
  readonly workers: number;
}

/** The ids of its workers that live. */
export function workersOf({ child }: NodeProcess): number[] {
  return childrenOf(child.pid as number, "main.js");
}

export interface Cluster {
  readonly token: string;
  readonly nodes: readonly Node[];
  readonly nats: NatsServer;
  readonly postgres: KillablePostgres;
  /** Every process that there ever was. */
  readonly processes: readonly NodeProcess[];
  readonly deaths: readonly Death[];
  /** Kills a node, or with `worker` that worker of it. Resolves when it is gone. */
  kill(process: NodeProcess, worker?: number): Promise<void>;
  /** Ends a node with SIGTERM. Resolves with how it ended. */
  stop(process: NodeProcess): Promise<number | NodeJS.Signals>;
  /** Runs the command that disconnects the consumers of an instance. */
  disconnect(instance: string): Promise<void>;
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

/** A slow node is cut off after a second. The history is in the server's memory. */
const natsConfiguration = `write_deadline: "1s"\n${jetStream()}`;

/** `workers`: of each node. `env`: further settings of the nodes. */
export async function startCluster(workers: readonly number[], env: Record<string, string> = {}): Promise<Cluster> {
  const [postgres, nats] = await Promise.all([startKillablePostgres(), startNatsServer(natsConfiguration)]);
  const nodes: Node[] = workers.map((count) => ({ running: undefined, workers: count }));
  const processes: NodeProcess[] = [];
  const deaths: Death[] = [];
  const secrets = { DATABASE_URL: postgres.url, ENCRYPTION_KEY: "1e".repeat(32) };
  let health: readonly string[] = [];

  async function start(node: Node): Promise<void> {
    const server = await startServerProgram({
      NATS_URL: nats.url,
      WORKERS: String(node.workers),
      ACCOUNT_TOKEN: token,
      ...secrets,
      RATE_LIMIT_GLOBAL: "0",
      RATE_LIMIT_CREATE: "0",
      LOG_LEVEL: "warn",
      ...env,
    });
    const process = Object.defineProperties(server, {
      number: { value: processes.length + 1 },
      workers: { value: node.workers },
    }) as NodeProcess;
    processes.push(process);
    node.running = process;
  }

  function die({ number: process }: NodeProcess): Death {
    const death = { process, at: Date.now(), goneAt: Number.POSITIVE_INFINITY };
    deaths.push(death);
    return death;
  }

  await Promise.all(nodes.map(start));

  return {
    token,
    nodes,
    nats,
    postgres,
    processes,
    deaths,
    async kill(process, worker) {
      const death = die(process);
      if (worker === undefined) {
        process.kill("SIGKILL");
        await process.ended;
      } else {
        killOne(worker, "SIGKILL");
        await until(() => !exists(worker));
      }
      // In this turn the driver hears of the connections that ended with the process.
      await nextTurn();
      death.goneAt = Date.now();
    },
    async stop(process) {
      process.kill("SIGTERM");
      const how = await process.ended;
      const death = die(process);
      death.goneAt = death.at;
      return how;
    },
    async disconnect(instance) {
      const command = startProgram(["instance", "disconnect", instance], secrets);
      const code = await command.ended;
      if (code !== 0) throw new Error(`The command ended with ${code}.\n${command.stderr}`);
    },
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
        if (running !== undefined) signalAll(running, "SIGCONT");
        running?.kill("SIGTERM");
      }
      await Promise.all(nodes.map(({ running }) => running?.ended));
      await Promise.all([nats.close(), postgres.close()]);
    },
  };
}

/** A process that is ending has closed all its connections only when it does not exist any more. */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** To the process and its workers. */
export function signalAll(process: NodeProcess, signal: NodeJS.Signals): void {
  process.kill(signal);
  for (const pid of process.workers > 1 ? workersOf(process) : []) killOne(pid, signal);
}

/** One that has just ended needs no signal. */
function killOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Longer than any fault: who waits so long waits for ever. */
const callMsMax = 20_000;

/** A node that does not answer in a second is asked again. */
const healthMsMax = 1_000;

/** The body, which must be read: one that nobody reads keeps its connection, and the next request would wait for it. */
async function askHealth({ url, grpcUrl, workers }: NodeProcess): Promise<string> {
  try {
    // Of several workers one answers for itself, and the metrics for all.
    if (workers > 1 && (await scrape(grpcUrl, "eventwire_bus_connected"))[0] !== 1) return "a worker is without NATS";
    return await (await fetch(`${url}/health`, { signal: AbortSignal.timeout(healthMsMax) })).text();
  } catch (error) {
    return String(error);
  }
}

/** As the process and its workers have logged them. */
function interruptionsOf({ number: process, stderr }: NodeProcess): Interruption[] {
  const found: Interruption[] = [];
  const last = new Map<number | undefined, Interruption>();
  for (const line of stderr.split("\n")) {
    // A process that was killed may have left half a line.
    if (!line.includes('"the bus is ') || !line.endsWith("}")) continue;
    const { msg, worker, reason, from, until } = JSON.parse(line);
    if (until === undefined) {
      const begun = { process, reason, from: Date.parse(from), until: Number.POSITIVE_INFINITY };
      last.set(worker, begun);
      found.push(begun);
    } else if (msg === "the bus is back") (last.get(worker) as Interruption).until = Date.parse(until);
  }
  return found;
}
