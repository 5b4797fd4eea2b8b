/**
 * Runs a nats-server for workers without NATS_URL, and restarts it when it ends. The server refuses every client
 * without a token, which only our workers know.
 */

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { useDataDirectory } from "../machine/data-directory.js";
import { createUnprivileged } from "../machine/unprivileged.js";
import { endOrphans, natsName } from "./nats-orphans.js";
import { type NatsProcess, startNatsProcess } from "./nats-process.js";

export interface NatsServerOptions {
  /** The path of the program nats-server. */
  readonly program: string;
  readonly dataDirectory: string;
  /** Largest message that the server carries, in bytes. */
  readonly payloadBytesMax: number;
  /** Most bytes of the stream with the history. Undefined when no history is kept. */
  readonly historyBytesMax: number | undefined;
  readonly logger: Logger;
}

export interface NatsServer {
  /** A name that no other nats-server has. */
  readonly name: string;
  /**
   * Path of a JSON file with the URLs (`servers`) and the `token` of the server. Only the file's owner may read it.
   * Both values change at each restart of the server. The file is missing while the server does not run, so that no
   * worker sends the token to a program that took the server's port.
   */
  readonly addressFile: string;
  /** Stops the server for good, and removes its files. Resolves when the server has ended. */
  close(): Promise<void>;
}

const restartMsMin = 100;
const restartMsMax = 5_000;
/**
 * How long a nats-server must run to count as sound, in milliseconds. When a sound one ends, it is restarted after the
 * shortest wait.
 */
const soundMs = 10_000;

/**
 * Ends the orphans of earlier starts, and starts the server. Resolves when the server accepts connections. Rejects with
 * one sentence when the server does not start.
 */
export function openNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  return useDataDirectory(options.dataDirectory, (root) => open(root, options));
}

async function open(root: string, options: NatsServerOptions): Promise<NatsServer> {
  const { program, payloadBytesMax, historyBytesMax, logger } = options;
  const all = join(root, "nats");
  if (!existsSync(all)) mkdirSync(all, { mode: 0o700 });
  await endOrphans(all);
  const name = natsName(process.pid, randomBytes(8).toString("hex"));
  const own = join(all, name);
  const addressFile = join(own, "address");
  const directory = join(own, "server");
  const refusal = "nats-server is not started as root";
  const unprivileged = createUnprivileged(directory, {
    path: program,
    refusal,
    product: "nats-server",
    setting: "NATS_URL",
  });
  mkdirSync(own, { mode: 0o700 });
  const closing = new AbortController();
  let restarting: Promise<void> | undefined;
  let running = await start().catch((error: unknown) => {
    rmSync(own, { recursive: true, force: true });
    throw error;
  });
  watch(restartMsMin);

  return {
    name,
    addressFile,
    async close() {
      closing.abort();
      await restarting;
      await running.stop();
      rmSync(own, { recursive: true, force: true });
    },
  };

  async function start(): Promise<NatsProcess> {
    const started = await startNatsProcess({
      program,
      directory,
      name,
      payloadBytesMax,
      historyBytesMax,
      unprivileged,
      logger,
    });
    const made = `${addressFile}.new`;
    writeFileSync(made, JSON.stringify({ servers: [started.url], token: started.token }), { mode: 0o600 });
    renameSync(made, addressFile);
    return started;
  }

  /**
   * Starts the server again when it ends, until `close` is called. `waitMs` is the wait before that start, in
   * milliseconds. After a server that ran longer than `soundMs` the wait is `restartMsMin`.
   */
  function watch(waitMs: number): void {
    const startedAt = performance.now();
    void running.ended.then((how) => {
      rmSync(addressFile, { force: true });
      if (closing.signal.aborted) return;
      logger.error({ how }, "nats-server has ended and is started again");
      restarting = restart(performance.now() - startedAt > soundMs ? restartMsMin : waitMs);
    });
  }

  async function restart(firstMs: number): Promise<void> {
    for (let waitMs = firstMs; ; waitMs = Math.min(waitMs * 2, restartMsMax)) {
      await delay(waitMs, undefined, { signal: closing.signal }).catch(() => {});
      if (closing.signal.aborted) return;
      try {
        running = await start();
        return watch(Math.min(waitMs * 2, restartMsMax));
      } catch (error) {
        logger.error({ err: error }, "nats-server does not start");
      }
    }
  }
}
