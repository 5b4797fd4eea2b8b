/** A PostgreSQL elsewhere, as DATABASE_URL names one. It can be killed and started again at the same address. */

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { clusterUser, openCluster } from "../../src/store/embedded/cluster.js";
import { PostmasterBusy, startPostmaster, stopPostmaster } from "../../src/store/embedded/postmaster.js";
import { freePort } from "./free-port.js";

export interface KillablePostgres {
  /** For DATABASE_URL. */
  readonly url: string;
  /** The user and the group that it runs as. */
  readonly owner: { readonly uid: number; readonly gid: number };
  kill(): void;
  /** Resolves when it accepts connections. */
  start(): Promise<void>;
  close(): Promise<void>;
}

// Writes need not reach the disk: only the process dies here, and not the kernel.
const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=32MB", "fsync=off"];

export async function startKillablePostgres(more: readonly string[] = []): Promise<KillablePostgres> {
  // The name says whose server this is, so that `global-setup.ts` can remove it if this process is killed.
  const directory = mkdtempSync(join(tmpdir(), `eventwire-run-${process.pid}-`));
  const cluster = await openCluster(directory);
  const port = await freePort();
  let pid: number | undefined;

  async function start(): Promise<void> {
    for (;;) {
      try {
        ({ pid } = await startPostmaster(cluster, port, [...settings, ...more]));
        return;
      } catch (error) {
        // The sessions of the one that was killed are still ending.
        if (!(error instanceof PostmasterBusy)) throw error;
        await delay(50);
      }
    }
  }

  await start();
  return {
    owner: statSync(join(directory, "postgres", "data")),
    url: `postgres://${clusterUser}:${cluster.password}@127.0.0.1:${port}/postgres`,
    start,
    kill() {
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      pid = undefined;
    },
    async close() {
      if (pid !== undefined) await stopPostmaster(pid);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
