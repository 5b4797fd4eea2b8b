/** The program with several workers, and calls to whichever of them. */

import { request } from "node:http";
import { childrenOf } from "./children.js";
import { type Consumer, openConsumer } from "./consumer.js";
import { type RunningServer, startServerProgram } from "./program.js";
import { temporaryDirectory } from "./temporary.js";

export const accountToken = "ta_test-of-the-workers";

/** On two workers, all of them on the same: once in half a billion runs. */
const many = 30;

let lastInstance = 0;

export interface WorkersServer extends RunningServer {
  /** DATA_DIR. */
  readonly dataDir: string;
  /** Their processes. */
  pids(): number[];
  /** That of its own nats-server; undefined while there is none. */
  natsPid(): number | undefined;
  /** On a connection of its own, so that any worker may get it. */
  call(method: string, path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }>;
}

/** Two, without rate limits unless `env` sets them. `databaseUrl` undefined: the embedded database. */
export async function startWorkersProgram(
  databaseUrl: string | undefined,
  env: Record<string, string> = {},
): Promise<WorkersServer> {
  const dataDir = env.DATA_DIR ?? temporaryDirectory();
  const server = await startServerProgram({
    WORKERS: "2",
    ...(databaseUrl && { DATABASE_URL: databaseUrl }),
    DATA_DIR: dataDir,
    ACCOUNT_TOKEN: accountToken,
    ENCRYPTION_KEY: "3".repeat(64),
    RATE_LIMIT_GLOBAL: "0",
    RATE_LIMIT_CREATE: "0",
    DRAIN_SECONDS: "1",
    ...env,
  });
  const children = (program: string) => childrenOf(server.child.pid as number, program);
  return Object.assign(server, {
    dataDir,
    pids: () => children("main.js"),
    natsPid: () => children("nats-server")[0],
    call: (method: string, path: string, body?: object) => callAnyone(server.url, method, path, body),
  });
}

/** On a connection of its own, so that any worker may get the call. */
export function callAnyone(url: string, method: string, path: string, body?: object) {
  return new Promise<{ status: number; body: Record<string, unknown> }>((done, fail) => {
    const headers = { token: accountToken, ...(body && { "content-type": "application/json" }) };
    const sent = request(`${url}${path}`, { method, headers, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => done({ status: answer.statusCode ?? 0, body: JSON.parse(text) }));
      answer.on("error", fail);
    });
    sent.on("error", fail);
    sent.end(body && JSON.stringify(body));
  });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** With its channel on; of a name of its own. */
export async function createInstance({ call }: WorkersServer): Promise<string> {
  const name = `desk-${++lastInstance}`;
  const { status } = await call("POST", "/api/instance/new", { name, websocketEnabled: true });
  if (status !== 201) throw new Error(`not created: ${status}`);
  return name;
}

export function connect({ url }: WorkersServer, instance: string): Promise<Consumer> {
  return openConsumer(url, `/ws/${instance}?token=${accountToken}`);
}

export function connectMany(server: WorkersServer, instance: string, count = many): Promise<Consumer[]> {
  return Promise.all(Array.from({ length: count }, () => connect(server, instance)));
}
