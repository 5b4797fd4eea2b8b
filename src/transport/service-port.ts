/** The service port: gRPC, Connect and gRPC-Web over HTTP/1.1 and HTTP/2, reflection, health and metrics, on one port. */

import { once } from "node:events";
import { createServer as createHttp1 } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTls } from "node:tls";
import { createConnectRouter } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import type { Logger } from "pino";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { AppError } from "../domain/errors.js";
import { createHandler, type Handler } from "../rpc/handlers.js";
import { services } from "../rpc/services.js";
import type { BodyBudget } from "./body-budget.js";
import { addHealth } from "./service-health.js";
import { addReflection } from "./service-reflection.js";
import { createServiceRoutes, type ServiceRoutesOptions } from "./service-routes.js";
import { createSessions } from "./service-sessions.js";
import { sniff } from "./service-sniff.js";

export interface ServicePortOptions {
  /** Made with `grpc: true` and the signal of `shutdown`. */
  readonly handlers: readonly Handler[];
  /** Shared with the public port. */
  readonly bodies: BodyBudget;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** PEM texts. Without: cleartext, HTTP/2 with prior knowledge. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Why this node cannot serve; undefined when it can. What `grpc.health.v1.Health` says. */
  readonly trouble: () => Promise<string | undefined>;
  readonly metrics: ServiceRoutesOptions["metrics"];
  /**
   * Aborted when the node begins to shut down. The port goes on listening and serving, streams too, so that producers
   * reach the sockets that are still open; but health says NOT_SERVING, and HTTP/1.1 clients are asked to leave.
   */
  readonly draining: AbortSignal;
  /** Aborted by `close`: open streams end. */
  readonly shutdown: AbortController;
  readonly logger: Logger;
  readonly timeouts?: Partial<ServiceTimeouts>;
}

/** What bounds a connection that does not do its part, in milliseconds. */
export interface ServiceTimeouts {
  /** For the TLS handshake, for the first bytes, and for the headers of an HTTP/1.1 request. */
  readonly headersMs: number;
  /** For a whole HTTP/1.1 request. */
  readonly requestMs: number;
  /** Between two HTTP/2 pings. */
  readonly pingIntervalMs: number;
  readonly healthWatchIntervalMs: number;
}

const defaultTimeouts: ServiceTimeouts = {
  headersMs: 10_000,
  requestMs: 120_000,
  pingIntervalMs: 30_000,
  healthWatchIntervalMs: 2_000,
};

export interface ServicePort {
  readonly port: number;
  /** Stops accepting, ends streams, lets calls in flight finish, cuts what is left after the deadline. Idempotent. */
  close(deadlineMs: number): Promise<void>;
}

/** Rejects with a sentence that names GRPC_PORT when it cannot listen. */
export async function startServicePort(options: ServicePortOptions): Promise<ServicePort> {
  const { host, tls, metrics, draining, shutdown, logger } = options;
  const timeouts = { ...defaultTimeouts, ...options.timeouts };
  const routes = createServiceRoutes({
    handlers: [...options.handlers, ...standardHandlers(options, timeouts)],
    bodies: options.bodies,
    metrics,
    closing: () => draining.aborted || shutdown.signal.aborted,
    logger,
  });

  const http1 = createHttp1(
    {
      headersTimeout: timeouts.headersMs,
      requestTimeout: timeouts.requestMs,
      connectionsCheckingInterval: Math.ceil(timeouts.headersMs / 2),
      maxHeaderSize: headerBytesMax,
    },
    routes,
  );
  http1.on("clientError", (_, socket) => socket.destroy());
  // It gets its connections from the sniffer and never listens; this is what starts its header and request timers.
  http1.emit("listening");

  const sessions = createSessions(timeouts);
  const http2 = createHttp2(
    {
      maxSessionMemory: sessionMegabytesMax,
      settings: {
        maxConcurrentStreams: streamsMax,
        maxHeaderListSize: headerBytesMax,
        initialWindowSize: streamWindowBytes,
        enablePush: false,
      },
    },
    routes,
  );
  http2.on("session", (session) => {
    sessions.add(session);
    session.setLocalWindowSize(sessionWindowBytes);
  });

  const connections = new Set<Socket>();
  /** Those that have not said what they speak, by the peer's address and port: TLS wraps a socket in another. */
  const undecided = new Map<string, Socket>();

  function track(socket: Socket): void {
    const peer = peerOf(socket);
    connections.add(socket);
    undecided.set(peer, socket);
    socket.once("close", () => {
      connections.delete(socket);
      undecided.delete(peer);
    });
    socket.setNoDelay(true);
  }

  function accept(socket: Socket): void {
    const peer = peerOf(socket);
    socket.on("error", () => socket.destroy());
    sniff(socket, {
      decided(protocol) {
        undecided.delete(peer);
        (protocol === "http2" ? http2 : http1).emit("connection", socket);
      },
      timeoutMs: timeouts.headersMs,
    });
  }

  const server = tls
    ? createTls({ ...tls, ALPNProtocols: ["h2", "http/1.1"], handshakeTimeout: timeouts.headersMs }, accept)
    : createServer(accept);
  server.on("connection", track);
  server.on("tlsClientError", (_: Error, socket: Socket) => socket.destroy());
  const port = await listen(server, host, options.port);

  async function closeAll(deadlineMs: number): Promise<void> {
    const closed = once(server, "close");
    server.close();
    shutdown.abort(new AppError("SHUTTING_DOWN"));
    sessions.close();
    http1.close();
    for (const socket of undecided.values()) socket.destroy();
    const cut = setTimeout(() => {
      for (const socket of connections) socket.destroy();
    }, deadlineMs);
    await closed;
    clearTimeout(cut);
  }

  let closing: Promise<void> | undefined;
  return {
    port,
    close(deadlineMs) {
      closing ??= closeAll(deadlineMs);
      return closing;
    },
  };
}

const headerBytesMax = 16 * 1024;
const streamsMax = 128;
/** One batch of events in flight needs no round trip for its window. */
const streamWindowBytes = 2 ** 20;
const sessionWindowBytes = 4 * 2 ** 20;
/** Node refuses new streams beyond it. An event may have 16 MiB, several may be on their way. */
const sessionMegabytesMax = 128;
const standardMessageBytesMax = 64 * 1024;

/** Reflection and health, open to anyone. */
function standardHandlers(
  { trouble, draining, shutdown: { signal: shutdown }, logger }: ServicePortOptions,
  { healthWatchIntervalMs }: ServiceTimeouts,
): Handler[] {
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    jsonOptions: { alwaysEmitImplicit: true },
    readMaxBytes: standardMessageBytesMax,
  });
  addReflection(router, [...services, Health], shutdown);
  addHealth(router, { services, trouble, draining, shutdown, watchIntervalMs: healthWatchIntervalMs });
  const admit = async () => ({ principal: undefined, rate: undefined, refusal: undefined });
  return router.handlers.map((route) => createHandler(route, { admit, logger }));
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    const listening = once(server, "listening");
    server.listen({ host, port });
    await listening;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const why = code === "EADDRINUSE" ? "the port is already in use" : `listening failed (${String(code)})`;
    throw new Error(`GRPC_PORT: cannot listen on ${host}:${port}: ${why}`, { cause });
  }
  return (server.address() as AddressInfo).port;
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
