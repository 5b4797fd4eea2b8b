/** The public port. It serves REST, Connect, gRPC-Web, `/health`, documents and WebSocket upgrades over HTTP/1.1. */

import type { Logger } from "pino";
import { HealthService } from "../../../gen/eventwire/v1/health_service_pb.js";
import type { Hub } from "../../delivery/hub.js";
import type { Directory } from "../../directory/directory.js";
import { AppError } from "../../domain/errors.js";
import type { Api } from "../../rpc/api.js";
import type { Handler } from "../../rpc/protocols/handlers.js";
import type { BodyBudget } from "../body-budget.js";
import { createCors } from "../cors.js";
import { Traffic } from "../traffic.js";
import type { PublicApps } from "./apps.js";
import { serveRpc } from "./connect-mount.js";
import { type Documents, serveDocuments } from "./documents.js";
import { type ExchangeContext, exchanging } from "./exchange.js";
import { RefusedSockets } from "./refused-sockets.js";
import { createRestRoutes } from "./rest/rest.js";
import type { SocketViews } from "./socket-views.js";
import { mountUpgrade } from "./upgrade.js";
import type { UpgradeRefusal } from "./upgrade-refusal.js";
import type { TemplatedApp } from "./uws.js";

export interface PublicPortOptions {
  /** The uWebSockets apps of the port. They are made before the port, because the hub broadcasts through them. */
  readonly apps: PublicApps;
  readonly api: Api;
  /**
   * The RPC handlers, made with `grpc: false`, because gRPC needs HTTP/2. Methods with a `google.api.http` option are
   * also served over REST.
   */
  readonly handlers: readonly Handler[];
  /** The budget for request bodies. The public port and the service port share it. */
  readonly bodies: BodyBudget;
  readonly directory: Directory;
  readonly hub: Hub;
  readonly views: SocketViews;
  readonly host: string;
  /** The number of the port to listen on; 0 takes a free port. */
  readonly port: number;
  /**
   * Whether other processes of this installation listen on the same port. Then the kernel spreads new connections over
   * the processes.
   */
  readonly shared: boolean;
  /** The URL under which clients reach this port. Web pages of its origin may open WebSockets. */
  readonly publicUrl: string;
  readonly allowedOrigins: readonly string[];
  /** Whether an upgrade may have its token in the query. */
  readonly queryTokens: "on" | "off";
  readonly documents: Documents;
  readonly publishMaxBytes: number;
  /** Called with the outcome of each upgrade: `accepted`, `aborted`, or the reason of the refusal. */
  readonly onUpgrade: (outcome: string) => void;
  /** Called with details of each refused upgrade. */
  readonly onUpgradeRefused: (refusal: UpgradeRefusal) => void;
  /**
   * Aborted when the node begins to shut down. The port then still listens and answers, so that clients can read why
   * they are refused. Upgrades are refused, and each answer ends its connection.
   */
  readonly draining: AbortSignal;
  readonly logger: Logger;
}

export interface PublicPort {
  readonly port: number;
  /**
   * Stops listening for a while. New connections are refused, so that a load balancer tries another node. Open
   * connections stay open.
   */
  pause(): void;
  /**
   * Listens again after `pause`. False when another process has taken the port, when the process has no free file
   * descriptor, or when the port was closed.
   */
  resume(): Promise<boolean>;
  /**
   * Stops accepting connections and waits for the calls in flight. After `deadlineMs` at the latest, all connections
   * are cut.
   */
  close(deadlineMs: number): Promise<void>;
}

/** Opens the public port. Rejects with an error that names the setting PORT when the port cannot be listened on. */
export async function startPublicPort(options: PublicPortOptions): Promise<PublicPort> {
  const { apps, api, handlers, bodies, host, port, publishMaxBytes, draining, logger } = options;
  const traffic = new Traffic();
  const cors = createCors(options.allowedOrigins, new URL(options.publicUrl).origin);
  const context: ExchangeContext = { cors, traffic, bodies, draining, logger };

  const methods = handlers.map(({ method }) => method);
  const routes = createRestRoutes({ api, methods, publishMaxBytes });
  const documents = serveDocuments(options.documents);
  const refusedSockets = new RefusedSockets();
  apps.mount((app, tally) => {
    const allowed = new Map<string, string[]>();
    for (const route of routes) {
      const serve = exchanging(context, route.serve);
      const verbs: string[] = [route.verb];
      on(app, route.verb, route.pattern, serve);
      if (route.method === HealthService.method.checkHealth) {
        // Some load balancers ask for the health with HEAD.
        app.head(route.pattern, serve);
        verbs.push("HEAD");
      }
      allowed.set(route.pattern, [...(allowed.get(route.pattern) ?? []), ...verbs]);
    }
    for (const [path, serve] of documents) {
      app.get(path, exchanging(context, serve));
      app.head(path, exchanging(context, serve));
      allowed.set(path, ["GET", "HEAD"]);
    }
    const upgrade = { ...options, queryTokens: options.queryTokens === "on", refusedSockets, tally, context };
    mountUpgrade(app, "/ws", { ...upgrade, wholeAccount: true });
    mountUpgrade(app, "/ws/:instance", { ...upgrade, wholeAccount: false });
    allowed.set("/ws/:instance", ["GET"]);
    for (const handler of handlers) {
      app.any(
        handler.path,
        exchanging(context, (exchange, req) => serveRpc(handler, exchange, req)),
      );
    }

    app.options(
      "/*",
      exchanging(context, (exchange) => exchange.answerEmpty(204, cors.preflight(exchange.head.origin))),
    );
    for (const [pattern, verbs] of allowed) {
      const allow = ["Allow", [...verbs, "OPTIONS"].join(", ")] as const;
      app.any(
        pattern,
        exchanging(context, (exchange) => exchange.refuse(new AppError("METHOD_NOT_ALLOWED"), [allow])),
      );
    }
    app.any(
      "/*",
      exchanging(context, (exchange) => exchange.refuse(new AppError("NOT_FOUND"))),
    );
  });

  let socket = await apps.listen(options);
  if (socket === undefined) {
    throw new Error(`PORT ${port} cannot be listened on at ${host}: it is taken, or this host has no such address.`);
  }

  const taken = socket.port;
  let closed = false;
  return {
    port: taken,
    pause() {
      socket?.close();
    },
    async resume() {
      if (closed) return false;
      socket = await apps.listen({ ...options, port: taken });
      if (closed) socket?.close();
      return socket !== undefined;
    },
    async close(deadlineMs) {
      closed = true;
      socket?.close();
      await traffic.idle(deadlineMs);
      apps.close();
    },
  };
}

function on(app: TemplatedApp, verb: string, pattern: string, handler: ReturnType<typeof exchanging>): void {
  const mount = { GET: app.get, POST: app.post, PUT: app.put, PATCH: app.patch, DELETE: app.del }[verb];
  mount?.call(app, pattern, handler);
}
