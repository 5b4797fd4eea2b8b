/** The composition root of the primary process: what the workers share, and the workers. It serves nothing itself. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { localUrl } from "./local-url.js";
import { retireReports } from "./metrics.js";
import { countForWorkers } from "./rpc/machine-rate-limiter.js";
import type { Server, ServerListener } from "./server.js";
import type { Settings } from "./settings.js";
import { openEmbeddedPostgres } from "./store/embedded-postgres.js";
import { claimPort } from "./transport/claim-port.js";
import { startWorkforce } from "./workers/workforce.js";

/** Of each worker: ten for its calls, one to listen, one for nonces, and what its start needs. */
const connectionsPerWorker = 13;
/** For commands, and for those who look into the database themselves. */
const connectionsLeft = 40;

/** Like `startServer`, with so many processes as `settings.workers` says. The first account's token they print. */
export async function startWorkers(settings: Settings, logger: Logger, listener: ServerListener): Promise<Server> {
  const { host, grpcHost, workers: count } = settings;
  const secure = settings.tlsCert !== undefined;
  const claimed = [
    await claimPort("PORT", host, settings.port),
    await claimPort("GRPC_PORT", grpcHost, settings.grpcPort),
  ];
  await Promise.all(claimed.map((port) => port.release()));
  const [publicPort = 0, servicePort = 0] = claimed.map(({ port }) => port);
  const database = await openDatabase(settings, logger);
  const directory = mkdtempSync(join(tmpdir(), "eventwire-workers-"));

  async function clean(): Promise<void> {
    rmSync(directory, { recursive: true, force: true });
    await database?.close();
  }

  countForWorkers();
  const workforce = await startWorkforce({
    count,
    directory,
    environment: {
      PORT: String(publicPort),
      GRPC_PORT: String(servicePort),
      ...(database && { DATABASE_URL: database.url }),
    },
    retire: retireReports,
    onFailure: listener.onUnusable,
    logger,
  }).catch(async (error: unknown) => {
    await clean();
    throw error;
  });

  let closing: Promise<void> | undefined;
  return {
    url: localUrl(secure, host, publicPort),
    grpcUrl: localUrl(secure, grpcHost, servicePort),
    publicPort,
    servicePort,
    reload: () => workforce.reload(),
    close: () => (closing ??= workforce.close().finally(clean)),
  };
}

async function openDatabase({ databaseUrl, dataDir, workers }: Settings, logger: Logger) {
  if (databaseUrl !== undefined) return undefined;
  return openEmbeddedPostgres({
    dataDirectory: dataDir,
    purpose: "service",
    settings: [`max_connections=${Math.max(100, workers * connectionsPerWorker + connectionsLeft)}`],
    logger,
  });
}
