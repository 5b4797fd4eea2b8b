/**
 * The composition root of the primary process. Opens the parts that the workers share, and starts the workers. The
 * primary process serves no calls.
 */

import type { Logger } from "pino";
import { findProgram } from "./machine/find-program.js";
import { retireReports } from "./observability/metrics.js";
import { keepsHistory, streamBytes } from "./open-history.js";
import { countForWorkers } from "./rpc/rate-limit/machine-rate-limiter.js";
import type { Server, ServerListener } from "./server.js";
import { localUrl } from "./settings/local-url.js";
import { SettingError, type Settings } from "./settings/settings.js";
import { openEmbeddedPostgres } from "./store/embedded/embedded-postgres.js";
import { reservePort } from "./transport/uws/reserve-port.js";
import { openNatsServer } from "./workers/nats-server.js";
import { startSupervisor } from "./workers/supervisor.js";

/**
 * Database connections of one worker: ten for calls, one to listen for changes, one for the nonces that test the
 * listening, and one for the start.
 */
const connectionsPerWorker = 13;
/**
 * Least limit on the size of a NATS message, in bytes: the default of nats-server. For large events the limit is twice
 * PUBLISH_MAX_BYTES, which leaves room for what the bus adds to an event.
 */
const payloadBytesMin = 1024 * 1024;
/**
 * Greatest limit on the size of a NATS message, in bytes. The NATS client closes its connection when a message is
 * larger.
 */
const payloadBytesMax = 64 * 1024 * 1024;
/** Database connections that are left for commands and for people who look into the database. */
const connectionsLeft = 40;

/**
 * Starts as many workers as `settings.workers` says, and returns them as one server. The workers print the token of the
 * first account. `searchPath` is the variable PATH, on which nats-server is looked for.
 */
export async function startWorkers(
  settings: Settings,
  logger: Logger,
  listener: ServerListener,
  searchPath: string,
): Promise<Server> {
  const { host, grpcHost, workers: count } = settings;
  const secure = settings.tlsCert !== undefined;
  const program = findNatsServer(settings, searchPath);
  const claimed = [
    await reservePort("PORT", host, settings.port),
    await reservePort("GRPC_PORT", grpcHost, settings.grpcPort),
  ];
  await Promise.all(claimed.map((port) => port.release()));
  const [publicPort = 0, servicePort = 0] = claimed.map(({ port }) => port);
  const database = await openDatabase(settings, logger);
  const nats = await openNats(settings, program, logger).catch(async (error: unknown) => {
    await database?.close();
    throw error;
  });

  async function clean(): Promise<void> {
    await nats?.close();
    await database?.close();
  }

  countForWorkers();
  const supervisor = await startSupervisor({
    count,
    nats: nats && { name: nats.name, addressFile: nats.addressFile },
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
    reload: () => supervisor.reload(),
    close: () => (closing ??= supervisor.close().finally(clean)),
  };
}

/**
 * Returns the path of the program nats-server. Undefined when NATS_URL is set, because the workers then use that NATS.
 * Throws SettingError when there is neither.
 */
function findNatsServer({ natsUrl, workers }: Settings, searchPath: string): string | undefined {
  if (natsUrl !== undefined) return undefined;
  const program = findProgram("nats-server", searchPath);
  if (program !== undefined) return program;
  throw new SettingError(
    `WORKERS is ${workers}, but there is no nats-server on the PATH, which carries events from one worker to another: ` +
      "install the package nats-server, set NATS_URL to a NATS that runs, or set WORKERS to 1.",
  );
}

async function openNats(settings: Settings, program: string | undefined, logger: Logger) {
  if (program === undefined) return undefined;
  const { dataDir, publishMaxBytes } = settings;
  return openNatsServer({
    program,
    dataDirectory: dataDir,
    payloadBytesMax: Math.min(Math.max(2 * publishMaxBytes, payloadBytesMin), payloadBytesMax),
    historyBytesMax: keepsHistory(settings) ? streamBytes(settings) : undefined,
    logger,
  });
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
