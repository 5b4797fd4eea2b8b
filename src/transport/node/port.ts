/**
 * The service port. It serves gRPC, Connect and gRPC-Web over HTTP/1.1 and HTTP/2, and reflection, health and metrics.
 */

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTls, Server as TlsServer } from "node:tls";
import { createConnectRouter } from "@connectrpc/connect";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import type { Logger } from "pino";
import { Health } from "../../../gen/grpc/health/v1/health_pb.js";
import { AppError } from "../../domain/errors.js";
import { createHandler, type Handler } from "../../rpc/protocols/handlers.js";
import { services } from "../../rpc/services.js";
import type { BodyBudget } from "../body-budget.js";
import { Arrivals } from "./arrivals.js";
import { Connections } from "./connections.js";
import type { FairQueue } from "./fair-queue.js";
import { countCalls, goAwayCalm } from "./first-frames.js";
import { addHealth } from "./health.js";
import { createHttp1 } from "./http1.js";
import { createHttp2 } from "./http2.js";
import { callsMax, defaultLimits, type ServiceLimits } from "./limits.js";
import { Newcomers } from "./newcomers.js";
import { addReflection } from "./reflection.js";
import { createServiceRoutes, type ServiceRoutesOptions } from "./routes.js";
import { sniff } from "./sniff.js";

export interface ServicePortOptions {
  /** Whether `token` is valid. A client without a valid token may take only little memory and time. */
  readonly knows: (token: string) => boolean;
  /** The RPC handlers. They must be made with `grpc: true` and with the signal of `shutdown`. */
  readonly handlers: readonly Handler[];
  /** The memory budget for request bodies, which both ports share. */
  readonly bodies: BodyBudget;
  readonly host: string;
  /** The TCP port on which to listen. With 0 the system chooses a free port. */
  readonly port: number;
  /**
   * Certificate and key as PEM texts. Without them the port speaks cleartext, and an HTTP/2 client needs prior
   * knowledge.
   */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /**
   * Returns the reason why this node cannot serve, or undefined when the node can serve. `grpc.health.v1.Health`
   * reports it.
   */
  readonly trouble: () => Promise<string | undefined>;
  readonly metrics: ServiceRoutesOptions["metrics"];
  /** Whether gRPC reflection is served. */
  readonly reflection: boolean;
  /**
   * Aborted when the node begins to shut down. The port still listens and serves calls and streams, so that producers
   * reach the sockets that are still open. But the health answer is NOT_SERVING, and HTTP/1.1 clients are asked to
   * leave.
   */
  readonly draining: AbortSignal;
  /** The port aborts this controller when it is closed. Open streams then end. */
  readonly shutdown: AbortController;
  /** Called for each connection that was ended because of its behaviour, or closed to make room for a newer one. */
  readonly onConnectionEnded: (ended: EndedConnection) => void;
  readonly logger: Logger;
  readonly limits?: Partial<ServiceLimits>;
}

export interface EndedConnection {
  readonly reason: string;
  readonly address: string;
}

export interface ServicePort {
  readonly port: number;
  /** Replaces the certificate of a port with TLS for new connections. Throws when the certificate cannot be used. */
  renew(tls: { readonly cert: string; readonly key: string }): void;
  /**
   * Stops accepting connections, ends streams, and lets calls in flight finish. After `deadlineMs` milliseconds cuts
   * the connections that are still open. Further calls return the same promise.
   */
  close(deadlineMs: number): Promise<void>;
}

/** Opens the service port. When the port cannot listen, rejects with a sentence that names GRPC_PORT. */
export async function startServicePort(options: ServicePortOptions): Promise<ServicePort> {
  const { host, tls, metrics, draining, shutdown, logger, knows, onConnectionEnded } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const connections = new Connections(limits, (address) => {
    onConnectionEnded({ reason: "a newer connection without a token", address });
  });
  const newcomers = new Newcomers(limits);
  const onResets = (address: string): void => {
    newcomers.slowDown(address);
    onConnectionEnded({ reason: "more calls than it can want answers to", address });
  };
  const arrivals = new Arrivals({
    knows,
    anonymousCalls: limits.anonymousCalls,
    onAuthenticated(connection) {
      connections.authenticate(connection);
      http2.authenticated(connection);
    },
  });
  const serve = createServiceRoutes({
    handlers: [...options.handlers, ...standardHandlers(options, limits, arrivals.anonymousWork)],
    bodies: options.bodies,
    limits,
    metrics,
    closing: () => draining.aborted || shutdown.signal.aborted,
    logger,
  });
  const http1 = createHttp1({ limits, arrivals, serve });
  const http2 = createHttp2({
    limits,
    arrivals,
    serve,
    onResets,
  });

  function accept(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    const connection = connections.of(socket);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    sniff(socket, {
      decided(protocol, seen) {
        connection.undecided = false;
        if (protocol === "http2" && countCalls(seen) > callsMax + limits.resets) {
          socket.end(goAwayCalm, () => socket.destroy());
          onResets(connection.address);
          return;
        }
        newcomers.add(connection.address, () => {
          if (socket.destroyed) return false;
          (protocol === "http2" ? http2 : http1).add(socket, connection);
          return true;
        });
      },
      timeoutMs: limits.headersMs,
    });
  }

  const server = tls
    ? createTls({ ...tls, ALPNProtocols: ["h2", "http/1.1"], handshakeTimeout: limits.headersMs }, accept)
    : createServer(accept);
  server.prependListener("connection", (socket: Socket) => {
    socket.setNoDelay(true);
    connections.add(socket);
  });
  server.on("tlsClientError", (_: Error, socket: Socket) => socket.destroy());
  const port = await listen(server, host, options.port);

  async function closeAll(deadlineMs: number): Promise<void> {
    const closed = once(server, "close");
    server.close();
    shutdown.abort(new AppError("SHUTTING_DOWN"));
    http2.close();
    http1.close();
    connections.cutUndecided();
    const cut = setTimeout(() => connections.cutAll(), deadlineMs);
    await closed;
    clearTimeout(cut);
  }

  let closing: Promise<void> | undefined;
  return {
    port,
    renew(tls) {
      if (server instanceof TlsServer) server.setSecureContext(tls);
    },
    close(deadlineMs) {
      closing ??= closeAll(deadlineMs);
      return closing;
    },
  };
}

/**
 * Largest message to the services reflection and health, in bytes. These messages only hold names of services and
 * files, which are short.
 */
const standardMessageBytesMax = 4 * 1024;

/** Makes the handlers for gRPC reflection and health. Anybody may call them, also without a token. */
function standardHandlers(
  { reflection, trouble, draining, shutdown: { signal: shutdown }, logger }: ServicePortOptions,
  { healthWatchIntervalMs }: ServiceLimits,
  work: FairQueue<unknown>,
): Handler[] {
  const router = createConnectRouter({
    acceptCompression: [compressionGzip, compressionBrotli],
    jsonOptions: { alwaysEmitImplicit: true },
    readMaxBytes: standardMessageBytesMax,
  });
  if (reflection) addReflection(router, [...services, Health], { shutdown, turn: () => work.turn(addReflection) });
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
