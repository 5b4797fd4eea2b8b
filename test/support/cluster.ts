/** Several nodes as an operator runs them: processes of the built program on one database and one nats-server. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Consumer, openConsumer } from "./consumer.js";
import { type NatsServer, startNatsServer } from "./nats-server.js";
import { createTestDatabase } from "./postgres.js";
import { type RunningServer, startProgram, startServerProgram } from "./program.js";
import { scrape } from "./scrape.js";
import { until } from "./until.js";

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export interface ClusterNode {
  readonly program: RunningServer;
  readonly url: string;
  readonly grpcUrl: string;
  /** With the account's token, unless another is given. */
  call(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  publish(instance: string, event: string, data: unknown, token?: string): Promise<Answer>;
  /** A socket of an instance, opened with the account's token. Ends with the test. */
  open(instance: string, token?: string): Promise<Consumer>;
  /** Values of `eventwire_bus_<name>`. */
  bus(...names: string[]): Promise<number[]>;
  /** Resolves when it reaches the other nodes; `false`: when it has noticed that it does not. */
  connected(wanted?: boolean): Promise<void>;
}

export interface Cluster {
  readonly nats: NatsServer;
  readonly accountToken: string;
  readonly databaseUrl: string;
  readonly nodes: readonly ClusterNode[];
  /** One more. It ends with the cluster. `file`: the program, when it is that of another release. */
  startNode(env?: Record<string, string>, file?: string): Promise<ClusterNode>;
  /** Makes an instance with its channel on. Resolves with its token when every node knows it. */
  createInstance(name: string, websocket?: object, token?: string): Promise<string>;
  /** A command of the program, in a process of its own: what it printed. */
  command(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

export interface ClusterOptions {
  readonly nodes: number;
  readonly nats?: NatsServer;
  readonly env?: Record<string, string>;
}

/** For a whole file: to be closed by it. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const nats = options.nats ?? (await startNatsServer());
  const database = await createTestDatabase();
  const directory = mkdtempSync(join(tmpdir(), "eventwire-cluster-"));
  const accountToken = `ta_${randomBytes(12).toString("hex")}`;
  const ends: (() => Promise<void>)[] = [];
  const nodes: ClusterNode[] = [];
  const shared = {
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    DATA_DIR: directory,
    ACCOUNT_TOKEN: accountToken,
    ENCRYPTION_KEY: "5".repeat(64),
    PUBLIC_URL: "https://wa.example.net",
    RATE_LIMIT_GLOBAL: "0",
    RATE_LIMIT_CREATE: "0",
    DRAIN_SECONDS: "0",
    ...options.env,
  };

  async function startNode(env: Record<string, string> = {}, file?: string): Promise<ClusterNode> {
    const program = await startServerProgram({ ...shared, ...env }, (end) => ends.push(end), file);
    const node = clusterNode(program, accountToken);
    nodes.push(node);
    return node;
  }

  // The first one makes the tables; the others would only wait for it.
  for (let started = 0; started < options.nodes; started++) await startNode();
  await Promise.all(nodes.map((node) => node.connected()));

  return {
    nats,
    accountToken,
    databaseUrl: database.url,
    nodes,
    startNode,
    async createInstance(name, websocket = {}, token = accountToken) {
      const node = nodes[0] as ClusterNode;
      const created = await node.call("POST", "/api/instance/new", { name }, token);
      if (created.status !== 201) throw new Error(`not created: ${JSON.stringify(created)}`);
      const body = { enabled: true, ...websocket };
      await node.call("POST", `/api/events/websocket/${encodeURIComponent(name)}`, body, token);
      const path = `/ws/${encodeURIComponent(name)}`;
      await until(async () => {
        const answers = await Promise.all(nodes.map(({ call }) => call("GET", path, undefined, token)));
        return answers.every(({ status }) => status === 426);
      });
      return (created.body.instance as { token: string }).token;
    },
    async command(...args) {
      const program = startProgram(args, shared, (end) => ends.push(end));
      const code = await program.ended;
      if (code !== 0) throw new Error(`ended with ${code}: ${program.stderr}`);
      return program.stdout;
    },
    async close() {
      await Promise.all(ends.map((end) => end()));
      await nats.close();
      await database.drop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function clusterNode(program: RunningServer, accountToken: string): ClusterNode {
  const { url, grpcUrl } = program;

  async function call(method: string, path: string, body?: unknown, token = accountToken): Promise<Answer> {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { token, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  const bus = (...names: string[]) => scrape(grpcUrl, ...names.map((name) => `eventwire_bus_${name}`));
  return {
    program,
    url,
    grpcUrl,
    call,
    bus,
    publish: (instance, event, data, token) =>
      call("POST", `/api/events/publish/${encodeURIComponent(instance)}`, { event, data }, token),
    open: (instance, token = accountToken) => openConsumer(url, `/ws/${encodeURIComponent(instance)}?token=${token}`),
    connected: (wanted = true) => until(async () => (await bus("connected"))[0] === (wanted ? 1 : 0)),
  };
}
