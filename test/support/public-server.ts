/** A whole server on a database of its own, as seen from the outside: its ports, its account, its log. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { type Server, startServer } from "../../src/server.js";
import { readSettings } from "../../src/settings/settings.js";
import { openCommandStore } from "../../src/store/open-store.js";
import type { Account, Store } from "../../src/store/store.js";
import { databaseRead } from "./database-read.js";
import { createTestDatabase, type TestDatabase } from "./postgres.js";

export interface PublicServer {
  readonly server: Server;
  readonly url: string;
  readonly port: number;
  readonly database: TestDatabase;
  /** Of the account that the first start made. */
  readonly accountToken: string;
  /** Every line of the log, as text. */
  readonly log: readonly string[];
  /** Makes an instance with this token; with `websocket`, its channel too. */
  createInstance(name: string, token: string, websocket?: object): Promise<void>;
  /** A JSON call with the account's token. */
  call(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
  /** What the command line does in a process of its own, on the same database. */
  operate<T>(work: (store: Store) => Promise<T>): Promise<T>;
  /** A further account, made the same way, and known to the server. */
  createAccount(name: string): Promise<{ account: Account; token: string }>;
  close(): Promise<void>;
}

/** Rate limits are off unless `env` sets them. `reach`: how the server is to reach its database. */
export async function startPublicServer(
  env: Record<string, string> = {},
  reach: (databaseUrl: string) => Promise<string> = async (url) => url,
): Promise<PublicServer> {
  const database = await createTestDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), "eventwire-public-"));
  const accountToken = `ta_${randomBytes(12).toString("hex")}`;
  const settings = readSettings({
    HOST: "127.0.0.1",
    PORT: "0",
    GRPC_PORT: "0",
    PUBLIC_URL: "https://wa.example.net",
    DATABASE_URL: await reach(database.url),
    DATA_DIR: dataDir,
    ACCOUNT_TOKEN: accountToken,
    RATE_LIMIT_GLOBAL: "0",
    RATE_LIMIT_CREATE: "0",
    DRAIN_SECONDS: "2",
    ...env,
  });
  const log: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(line) });
  async function clean(): Promise<void> {
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  }

  const server = await startServer(settings, logger, {
    onFirstAccount() {},
    onUnusable(error) {
      throw error;
    },
  }).catch(async (error: unknown) => {
    await clean();
    throw error;
  });

  await databaseRead(server.url);

  async function call(method: string, path: string, body?: unknown) {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { token: accountToken, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  }

  async function operate<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const store = await openCommandStore({ ...settings, logger });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  return {
    server,
    url: server.url,
    port: server.publicPort,
    database,
    accountToken,
    log,
    call,
    async createInstance(name, token, websocket) {
      const created = await call("POST", "/api/instance/new", { name, token });
      if (created.status !== 201) throw new Error(created.text);
      if (websocket === undefined) return;
      const set = await call("POST", `/api/events/websocket/${encodeURIComponent(name)}`, websocket);
      if (set.status !== 200) throw new Error(set.text);
    },
    operate,
    async createAccount(name) {
      const made = await operate((store) => store.createAccount({ name }));
      const isKnown = async () =>
        (await fetch(`${server.url}/api/instance/list`, { headers: { token: made.token } })).ok;
      // The server hears of it from the database.
      while (!(await isKnown()));
      return made;
    },
    async close() {
      await server.close();
      await clean();
    },
  };
}
