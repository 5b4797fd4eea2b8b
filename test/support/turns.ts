/** A server in a process of its own that tells how long its longest turn was, and calls to it in every protocol. */

import { mkdtempSync, rmSync } from "node:fs";
import { type RequestOptions, request } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type H2Client, openH2 } from "./h2-client.js";
import { createTestDatabase } from "./postgres.js";
import { startServerProgram } from "./program.js";
import { framed } from "./worst-calls.js";

export interface TurnServer {
  /** The longest turn of the server's event loop while `work` runs, in milliseconds. */
  longestTurn(work: () => Promise<unknown>): Promise<number>;
  /** Any POST on the public port. */
  post(path: string, contentType: string, body: Uint8Array | string, headers?: Record<string, string>): Promise<Answer>;
  /** One message over gRPC on the service port. */
  grpc(path: string, message: Uint8Array, options?: { json?: boolean; encoding?: string }): Promise<string>;
  /** What stands in one write of a gRPC stream of batches; answers its status. */
  stream(bytes: Uint8Array, options?: { json?: boolean; encoding?: string }): Promise<string>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

const publishEvents = "/eventwire.v1.EventService/PublishEvents";

export async function startTurnServer(instance: string, env: Record<string, string> = {}): Promise<TurnServer> {
  const database = await createTestDatabase();
  const dir = mkdtempSync(join(tmpdir(), "eventwire-turns-"));
  const socketPath = join(dir, "probe");
  const token = "account-token-of-turns";
  const ends: (() => Promise<void>)[] = [];
  const server = await startServerProgram(
    {
      NODE_OPTIONS: `--import ${resolve("test/support/turn-probe.mjs")}`,
      TURN_PROBE: socketPath,
      DATABASE_URL: database.url,
      DATA_DIR: dir,
      ACCOUNT_TOKEN: token,
      RATE_LIMIT_GLOBAL: "0",
      RATE_LIMIT_CREATE: "0",
      DRAIN_SECONDS: "0",
      ...env,
    },
    (end) => void ends.push(end),
  );
  const client: H2Client = await openH2(Number(new URL(server.grpcUrl).port));

  /** On a connection of its own: one that is kept may be closed by the server in the moment of its use. */
  function post(path: string, contentType: string, body: Uint8Array | string, headers = {}): Promise<Answer> {
    const bytes = Buffer.from(body as string);
    const head = { token, "content-type": contentType, "content-length": bytes.length, ...headers };
    return exchange(`${server.url}${path}`, { method: "POST", agent: false, headers: head }, bytes);
  }

  async function overGrpc(path: string, bytes: Uint8Array, { json = false, encoding = "" }): Promise<string> {
    const stream = client.post(path, {
      "content-type": json ? "application/grpc+json" : "application/grpc",
      te: "trailers",
      token,
      ...(encoding !== "" && { "grpc-encoding": encoding }),
    });
    stream.end(bytes);
    const { headers, trailers } = await stream.done();
    return String(trailers["grpc-status"] ?? headers["grpc-status"]);
  }

  const isStarting = async () => (await (await fetch(`${server.url}/health`)).text()).includes(`"db":"starting"`);
  while (await isStarting());
  await post("/api/instance/new", "application/json", JSON.stringify({ name: instance }));

  return {
    post,
    async longestTurn(work) {
      await ask(socketPath, "/start");
      await work();
      return Number(await ask(socketPath, "/stop"));
    },
    grpc: (path, message, options = {}) =>
      overGrpc(path, framed(message, options.encoding === undefined ? 0 : 1), options),
    stream: (bytes, options = {}) => overGrpc(publishEvents, bytes, options),
    async close() {
      client.destroy();
      for (const end of ends) await end();
      await database.drop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function ask(socketPath: string, path: string): Promise<string> {
  const { text } = await exchange("http://probe", { socketPath, path, agent: false });
  return text;
}

function exchange(url: string, options: RequestOptions, body?: Buffer): Promise<Answer> {
  return new Promise((done, fail) => {
    request(url, options, (response) => {
      let text = "";
      response.setEncoding("latin1").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => done({ status: response.statusCode ?? 0, text }));
      response.on("error", fail);
    })
      .on("error", fail)
      .end(body);
  });
}
