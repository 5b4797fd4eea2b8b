/** The embedded PostgreSQL as release 0.1.0 made and started it: reached over the network, by its superuser. */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clusterUser, openCluster } from "../../src/store/embedded/cluster.js";
import { startPostmaster } from "../../src/store/embedded/postmaster.js";
import { freePort } from "./free-port.js";

export interface OlderDatabase {
  readonly url: string;
  readonly pid: number;
}

/** Left running, as after a kill of its service. */
export async function startOlderDatabase(dataDirectory: string): Promise<OlderDatabase> {
  const cluster = await openCluster(dataDirectory);
  rmSync(join(dataDirectory, "postgres", "service-password"));
  writeFileSync(join(dataDirectory, "postgres", "password"), cluster.password, { mode: 0o600 });
  const port = await freePort();
  const { pid } = await startPostmaster(cluster, port, [
    ...["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100", "shared_buffers=32MB"],
    ...["wal_level=minimal", "max_wal_senders=0", "jit=off", "fsync=off"],
  ]);
  return { url: `postgres://${clusterUser}:${cluster.password}@127.0.0.1:${port}/postgres`, pid };
}
