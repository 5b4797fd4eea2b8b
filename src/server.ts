/**
 * The composition root of a node: creates every part in the order in which the parts need each other, and closes them.
 */

import type { Logger } from "pino";
import { chooseRateLimiter } from "./choose-rate-limiter.js";
import { createHub } from "./delivery/create-hub.js";
import { createMemoryDirectory } from "./directory/memory-directory.js";
import { shuttingDown } from "./domain/closes.js";
import { watchFiles } from "./machine/files-watch.js";
import { countOpenFiles, openFilesMax } from "./machine/open-files.js";
import { BoundedLog } from "./observability/bounded-log.js";
import { logCalls, logOwners } from "./observability/log-changes.js";
import { createMetrics, mergeReports } from "./observability/metrics.js";
import { observeApi } from "./observability/observe-api.js";
import { busName, type OpenBus, openBus } from "./open-bus.js";
import { openWebhooks } from "./open-webhooks.js";
import { bothOrNone, readyOrLate } from "./opening.js";
import { readDocuments } from "./read-documents.js";
import { createApi } from "./rpc/create-api.js";
import { createHandlers } from "./rpc/protocols/handlers.js";
import { createDeliveries } from "./service/deliveries.js";
import { createHealth } from "./service/health.js";
import { createInstanceStatus } from "./service/instance-status.js";
import { createInstances } from "./service/instances.js";
import { createKeyedPublishing } from "./service/keyed-publishing.js";
import { createPublishing } from "./service/publishing.js";
import { createTickets } from "./service/tickets.js";
import { createWebhooks } from "./service/webhooks.js";
import { createWebsockets } from "./service/websockets.js";
import { localUrl } from "./settings/local-url.js";
import type { Settings } from "./settings/settings.js";
import { type OpenStore, openStore } from "./store/open-store.js";
import { createGate } from "./store/postgres/gate.js";
import { BodyBudget } from "./transport/body-budget.js";
import { WritableFanOut } from "./transport/node/fan-out.js";
import { startServicePort } from "./transport/node/port.js";
import { createFrameStreams } from "./transport/subscribe/frame-streams.js";
import { PublicApps } from "./transport/uws/apps.js";
import { UwsFanOut } from "./transport/uws/fan-out.js";
import { startPublicPort } from "./transport/uws/port.js";
import { createSocketViews } from "./transport/uws/socket-views.js";
import { tlsFiles, tlsTexts, watchTls } from "./watch-tls.js";
import type { Parent } from "./workers/parent.js";

/** The callbacks by which a starting server reports to the process that runs the server. */
export interface ServerListener {
  /**
   * Called when the first start has made an account and its token. Show the token: no readable copy of it is stored.
   */
  onFirstAccount(token: string): void;
  /** Called when a server that has started cannot be used, because of its database. The message says what to change. */
  onUnusable(error: Error): void;
}

export interface Server {
  /** The URL of the public port on this machine. */
  readonly url: string;
  readonly grpcUrl: string;
  readonly publicPort: number;
  readonly servicePort: number;
  /** Reads the certificate anew. When the new one cannot be used, the server logs that and keeps the old one. */
  reload(): void;
  /**
   * Stops the server: it says that it leaves, goes on serving while it closes its sockets with 1001 over
   * `drainSeconds`, lets calls in flight finish, and closes its parts. Every further call returns the same promise.
   */
  close(): Promise<void>;
}

/**
 * Least time, in ms, that calls in flight get after the last socket closed. They may get the rest of `drainSeconds`.
 */
const callGraceMs = 5_000;

/** How long beyond `drainSeconds` a start waits until older nodes without NATS_URL have left the database, in ms. */
const predecessorMs = 8_000;

/** Starts a node; `parent` is given for a worker. Rejects with a sentence that says what the operator must change. */
export async function startServer(
  settings: Settings,
  logger: Logger,
  listener: ServerListener,
  parent?: Parent,
): Promise<Server> {
  const directory = createMemoryDirectory({ logger });
  let isFirstStart = false;
  const [firstStart, listening] = [createGate(), createGate()];
  const beforeFirstAccount = () => {
    isFirstStart = true;
    firstStart.open();
    return listening.opened;
  };
  const choice = { name: busName(settings, parent), patienceMs: settings.drainSeconds * 1000 + predecessorMs };
  const [nodes, opened] = await bothOrNone(
    openBus(settings, logger, directory, parent),
    openStore({ ...settings, directory, logger, beforeFirstAccount, ...listener, others: parent, bus: choice }),
  );
  try {
    await readyOrLate(Promise.race([opened.ready, firstStart.opened]));
    const server = await startPorts(settings, logger, directory, opened, nodes, parent);
    listening.open();
    opened.ready.catch(listener.onUnusable);
    // The first account is created only after the ports are open: a start that fails must not have shown a token.
    if (isFirstStart) await readyOrLate(opened.ready.catch(() => {}));
    return server;
  } catch (error) {
    await Promise.all([nodes.close(), opened.close()]);
    throw error;
  }
}

async function startPorts(
  settings: Settings,
  logger: Logger,
  directory: ReturnType<typeof createMemoryDirectory>,
  opened: OpenStore,
  nodes: OpenBus,
  parent: Parent | undefined,
): Promise<Server> {
  const { store, rateCounters, idempotencyKeys, tickets: ticketStore } = opened;
  const { host, grpcHost, publicUrl, publishMaxBytes, mediaMaxBytes } = settings;
  const drainMs = settings.drainSeconds * 1000;
  const secure = settings.tlsCert !== undefined;

  const metrics = createMetrics();
  const clientLog = new BoundedLog(logger);
  const apps = new PublicApps(tlsFiles(settings));
  const fanOut = new UwsFanOut((topic, frame) => apps.publish(topic, frame));
  const frameTokens = settings.frameTokens === "on";
  const views = createSocketViews(fanOut, { baseUrl: publicUrl, mediaMaxBytes, frameTokens });
  const isAlone = settings.natsUrl === undefined && parent === undefined;
  const { bus, history } = nodes;
  const hub = createHub({
    bus,
    history,
    findEntry: directory.instanceById,
    pendingBytesMax: settings.socketPendingBytesMax,
    waitingBytesMax: settings.waitingFramesMaxBytes / settings.workers,
    idleSeconds: settings.idleTimeoutSeconds,
    closeGraceMs: settings.closeGraceSeconds * 1000,
    onClosed: (closed) => clientLog.info("socket closed by the service", { ...closed }),
  });
  directory.listen(hub);
  // All workers hear of these changes. Only worker 1 logs them, so that each change is logged once.
  if (parent === undefined || parent.slot === 1) directory.watchOwners(logOwners(clientLog));
  const status = createInstanceStatus({ store, logger });
  const webhookDelivery = openWebhooks(settings, logger, directory, opened, metrics);
  const publishing = createPublishing({
    directory,
    bus,
    keeper: history,
    sinks: [status],
    outbox: webhookDelivery.outbox,
    publishMaxBytes,
    busOutage: settings.busOutage,
    takers: hub.takers,
  });
  const keyed = createKeyedPublishing({ publishing, keys: idempotencyKeys });
  const websockets = createWebsockets({ store });
  const webhooks = createWebhooks({ store });
  const deliveries = createDeliveries({ store });
  const tickets = createTickets({ directory, store: ticketStore });
  const instances = createInstances({ store, status, tokenLengthMin: settings.instanceTokenMinLength });
  const draining = new AbortController();
  const health = createHealth({ store, directory, bus: isAlone ? undefined : bus, draining: draining.signal });
  metrics.watch({
    hub: hub.stats,
    publishing: publishing.stats,
    keyed,
    directory,
    bus,
    history,
    rateCounters,
    webhooks: webhookDelivery,
  });

  parent?.answerCounts(metrics.report);

  const frames = createFrameStreams({
    ...settings,
    hub,
    fanOut: new WritableFanOut(),
    baseUrl: publicUrl,
    draining: draining.signal,
  });
  const limiter = chooseRateLimiter(settings, rateCounters, parent);
  const api = observeApi(
    createApi({
      directory,
      websockets,
      webhooks,
      deliveries,
      instances,
      publishing,
      tickets,
      keyed,
      health,
      frames,
      limiter,
      onChange: logCalls(clientLog),
      logger,
    }),
    metrics,
  );
  const shutdown = new AbortController();
  const bodies = createBodyBudget(settings);
  const calls = { api, publishMaxBytes, shutdown: shutdown.signal, logger };

  const publicPort = await startPublicPort({
    ...settings,
    shared: parent !== undefined,
    apps,
    api,
    handlers: createHandlers({ ...calls, grpc: false }),
    bodies,
    directory,
    documents: settings.docs === "on" ? readDocuments(publicUrl) : new Map(),
    hub,
    views,
    onUpgrade: metrics.upgradeAnswered,
    onUpgradeRefused: (refusal) => clientLog.info("upgrade refused", { ...refusal }),
    draining: draining.signal,
    logger,
  });
  const servicePort = await startServicePort({
    knows: (token) => directory.principal(token) !== undefined,
    handlers: createHandlers({ ...calls, grpc: true }),
    bodies,
    onConnectionEnded: (ended) => clientLog.info("connection on the service port ended", { ...ended }),
    reflection: settings.reflection === "on",
    host: grpcHost,
    port: settings.grpcPort,
    tls: tlsTexts(tlsFiles(settings)),
    trouble: health.trouble,
    metrics: parent ? async () => mergeReports(await parent.counts()) : metrics.read,
    draining: draining.signal,
    shutdown,
    logger,
  }).catch(async (error: unknown) => {
    await publicPort.close(0);
    throw error;
  });

  const certificates = watchTls(settings, logger, (texts) => {
    apps.renew();
    servicePort.renew(texts);
  });

  const files = watchFiles({
    max: openFilesMax(),
    count: countOpenFiles,
    onFull: publicPort.pause,
    onFree: publicPort.resume,
    logger,
  });

  async function closeAll(): Promise<void> {
    certificates?.close();
    files.close();
    const callsUntil = performance.now() + drainMs;
    logger.info({ sockets: hub.stats.consumers }, "draining");
    draining.abort();
    await hub.close(shuttingDown, drainMs);
    const callsMs = Math.max(callsUntil - performance.now(), callGraceMs);
    await Promise.all([publicPort.close(callsMs), servicePort.close(callsMs)]);
    await status.close();
    await webhookDelivery.close();
    await nodes.close();
    await store.close();
  }

  let closing: Promise<void> | undefined;
  return {
    url: localUrl(secure, host, publicPort.port),
    grpcUrl: localUrl(secure, grpcHost, servicePort.port),
    publicPort: publicPort.port,
    servicePort: servicePort.port,
    reload: () => void certificates?.read(),
    close: () => (closing ??= closeAll()),
  };
}

/** Creates the budget for request bodies. It must hold two of the largest events beside the part for small bodies. */
function createBodyBudget({ requestBodiesMaxBytes, publishMaxBytes, workers }: Settings): BodyBudget {
  return new BodyBudget(Math.max(requestBodiesMaxBytes / workers, 3 * publishMaxBytes));
}
