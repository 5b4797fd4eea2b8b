/** A node without its public port: real database, directory, bus, handlers and service port. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import type { Bus, Event, Subscription } from "../../src/bus/bus.js";
import { createMemoryBus } from "../../src/bus/memory-bus.js";
import { createHub } from "../../src/delivery/create-hub.js";
import type { Hub, HubOptions } from "../../src/delivery/hub.js";
import type { Directory } from "../../src/directory/directory.js";
import { createMemoryDirectory } from "../../src/directory/memory-directory.js";
import type { Instance } from "../../src/domain/instance.js";
import type { Api } from "../../src/rpc/api.js";
import { createApi } from "../../src/rpc/create-api.js";
import { createHandlers } from "../../src/rpc/protocols/handlers.js";
import { createNodeRateLimiter } from "../../src/rpc/rate-limit/node-rate-limiter.js";
import type { RateLimits } from "../../src/rpc/rate-limit/rate-limiter.js";
import { createDeliveries } from "../../src/service/deliveries.js";
import { createHealth } from "../../src/service/health.js";
import { createInstanceStatus } from "../../src/service/instance-status.js";
import { createInstances } from "../../src/service/instances.js";
import { createKeyedPublishing } from "../../src/service/keyed-publishing.js";
import { createPublishing } from "../../src/service/publishing.js";
import type { Outbox } from "../../src/service/sinks.js";
import { createTickets } from "../../src/service/tickets.js";
import { createWebhooks } from "../../src/service/webhooks.js";
import { createWebsockets } from "../../src/service/websockets.js";
import { openStore } from "../../src/store/open-store.js";
import type { Store } from "../../src/store/store.js";
import { BodyBudget } from "../../src/transport/body-budget.js";
import { WritableFanOut } from "../../src/transport/node/fan-out.js";
import { type ServicePort, type ServicePortOptions, startServicePort } from "../../src/transport/node/port.js";
import { createFrameStreams } from "../../src/transport/subscribe/frame-streams.js";
import { createTestDatabase, type TestDatabase } from "./postgres.js";

export interface ServiceNode {
  readonly url: string;
  readonly port: ServicePort;
  readonly api: Api;
  readonly store: Store;
  readonly directory: Directory;
  readonly bus: Bus;
  readonly hub: Hub;
  readonly database: TestDatabase;
  /** The TokenAccount of the account that everything is done under. */
  readonly token: string;
  /** Aborted by a test: the begin of a shutdown. */
  readonly draining: AbortController;
  /** Every line of the log, as JSON. */
  readonly log: Record<string, unknown>[];
  /** Creates an instance of the node's account. */
  createInstance(name: string): Promise<Instance>;
  /** Events that reach the bus for an instance from now on. Another call for the instance ends the one before. */
  eventsOf(instanceId: string): Event[];
  close(): Promise<void>;
}

/** The outbox of a node without webhooks. */
export const noOutbox: Outbox = { takers: () => 0, take() {}, taken: 0, stored: () => undefined };

export interface ServiceNodeOptions {
  readonly outbox?: Outbox;
  readonly limits?: Partial<RateLimits>;
  readonly publishMaxBytes?: number;
  readonly accountInstanceQuota?: number;
  readonly tls?: ServicePortOptions["tls"];
  readonly serviceLimits?: ServicePortOptions["limits"];
  readonly reflection?: boolean;
  readonly hub?: Partial<HubOptions>;
}

export async function startServiceNode(options: ServiceNodeOptions = {}): Promise<ServiceNode> {
  const database = await createTestDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), "eventwire-node-"));
  const log: Record<string, unknown>[] = [];
  const logger: Logger = pino({ level: "debug" }, { write: (line) => void log.push(JSON.parse(line)) });
  const token = `account-${randomBytes(8).toString("hex")}`;

  const directory = createMemoryDirectory({ logger });
  const opened = await openStore({
    databaseUrl: database.url,
    dataDir,
    encryptionKey: randomBytes(32),
    accountInstanceQuota: options.accountInstanceQuota ?? 0,
    directory,
    accountToken: token,
    onFirstAccount: () => {},
    logger,
  });
  await opened.ready;
  const { store } = opened;

  const bus = createMemoryBus();
  const subscriptions = new Map<string, Subscription>();
  const status = createInstanceStatus({ store, logger });
  const publishMaxBytes = options.publishMaxBytes ?? 16 * 2 ** 20;
  const draining = new AbortController();
  const health = createHealth({ store, directory, draining: draining.signal });
  const hub = createHub({ bus, findEntry: directory.instanceById, pendingBytesMax: 64 * 2 ** 20, ...options.hub });
  directory.listen(hub);
  const publishing = createPublishing({
    directory,
    bus,
    sinks: [status],
    outbox: options.outbox ?? noOutbox,
    publishMaxBytes,
    busOutage: "accept",
    takers: hub.takers,
  });
  const api = createApi({
    onChange: () => {},
    directory,
    websockets: createWebsockets({ store }),
    webhooks: createWebhooks({ store }),
    deliveries: createDeliveries({ store }),
    instances: createInstances({ store, status, tokenLengthMin: 8 }),
    publishing,
    keyed: createKeyedPublishing({ publishing, keys: opened.idempotencyKeys }),
    tickets: createTickets({ directory, store: opened.tickets }),
    health,
    frames: createFrameStreams({
      hub,
      fanOut: new WritableFanOut(),
      baseUrl: "http://127.0.0.1:8080",
      mediaMaxBytes: 2 ** 20,
      draining: draining.signal,
      http1StreamSeconds: 0,
    }),
    limiter: createNodeRateLimiter({ global: 0, create: 0, publish: 0, ...options.limits }),
    logger,
  });
  const shutdown = new AbortController();
  const port = await startServicePort({
    knows: (given) => directory.principal(given) !== undefined,
    reflection: options.reflection ?? true,
    onConnectionEnded: (ended) => logger.info(ended, "connection ended"),
    handlers: createHandlers({ api, grpc: true, publishMaxBytes, shutdown: shutdown.signal, logger }),
    bodies: new BodyBudget(256 * 1024 * 1024),
    host: "127.0.0.1",
    port: 0,
    tls: options.tls,
    trouble: health.trouble,
    metrics: async () => ({ contentType: "text/plain; version=0.0.4; charset=utf-8", text: "up 1\n" }),
    draining: draining.signal,
    shutdown,
    logger,
    ...(options.serviceLimits && { limits: options.serviceLimits }),
  });

  return {
    url: `${options.tls ? "https" : "http"}://127.0.0.1:${port.port}`,
    port,
    api,
    store,
    directory,
    bus,
    hub,
    database,
    token,
    draining,
    log,
    createInstance: (name) =>
      store.createInstance({ accountId: directory.principal(token)?.accountId as string, name }),
    eventsOf(instanceId) {
      const events: Event[] = [];
      const accountId = directory.principal(token)?.accountId as string;
      subscriptions.get(instanceId)?.stop();
      const take = (event: Event) => void events.push({ ...event, data: Buffer.from(event.data) });
      subscriptions.set(instanceId, bus.subscribe({ id: instanceId, accountId }, take));
      return events;
    },
    async close() {
      await port.close(1_000);
      await status.close();
      await opened.close();
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
