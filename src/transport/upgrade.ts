/** `GET /ws/:instance`: checks who asks before the socket exists, then makes it and gives it to the hub. */

import { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import type { Directory, Entry } from "../directory/directory.js";
import { AppError, type Reason } from "../domain/errors.js";
import type { Principal } from "../domain/instance.js";
import type { Hub } from "../hub/hub.js";
import type { Subscriber } from "../hub/subscriber.js";
import type { Api } from "../rpc/api.js";
import type { Header } from "./cors.js";
import { type Exchange, type ExchangeContext, exchanging } from "./exchange.js";
import { handshakeKey } from "./handshake.js";
import { instanceName } from "./instance-name.js";
import { queryToken } from "./query-token.js";
import type { HttpRequest, TemplatedApp, us_socket_context_t, WebSocket } from "./uws.js";

/** What clients send is thrown away; a larger message is a mistake that is told with 1009. */
const messageMaxBytes = 4096;

/**
 * uWebSockets cuts a socket whose message passes its own limit and says nothing, so that limit is higher: up to here the
 * client is told, beyond it is cut (it sees 1006).
 */
const payloadMaxBytes = 1024 * 1024;

export interface UpgradeOptions {
  readonly api: Api;
  readonly directory: Directory;
  readonly hub: Hub;
  readonly idleTimeoutSeconds: number;
  /** Hears what became of each request: `accepted`, `aborted`, or the reason of the refusal. */
  readonly onUpgrade: (outcome: string) => void;
  readonly context: ExchangeContext;
}

interface Opening {
  readonly entry: Entry;
  readonly principal: Principal;
}

/** The way from the open handler back to the upgrade: uWebSockets copies its data, but not what that refers to. */
interface Upgrading {
  socket: WebSocket<SocketData> | undefined;
}

/** What uWebSockets keeps per socket. */
interface SocketData {
  /** Until the upgrade is over. */
  upgrading: Upgrading | undefined;
  /** From then on. */
  subscriber: Subscriber | undefined;
}

export function mountUpgrade(app: TemplatedApp, pattern: string, options: UpgradeOptions): void {
  const { hub, context, onUpgrade } = options;

  async function observed(exchange: Exchange, req: HttpRequest, socketContext?: us_socket_context_t): Promise<void> {
    try {
      onUpgrade(await serve(options, exchange, req, socketContext));
    } catch (error) {
      onUpgrade(AppError.from(error).reason);
      throw error;
    }
  }

  app.ws<SocketData>(pattern, {
    maxPayloadLength: payloadMaxBytes,
    // The hub counts what waits for a socket.
    maxBackpressure: 0,
    closeOnBackpressureLimit: false,
    compression: 0,
    idleTimeout: options.idleTimeoutSeconds,
    sendPingsAutomatically: true,

    upgrade: exchanging(context, observed),

    open(ws) {
      const { upgrading } = ws.getUserData();
      if (upgrading !== undefined) upgrading.socket = ws;
    },

    message(ws, message) {
      if (message.byteLength > messageMaxBytes) ws.end(1009, "message too big");
    },

    drain(ws) {
      const { subscriber } = ws.getUserData();
      if (subscriber !== undefined) hub.drained(subscriber);
    },

    close(ws) {
      const { subscriber, upgrading } = ws.getUserData();
      if (upgrading !== undefined) upgrading.socket = undefined;
      if (subscriber !== undefined) hub.remove(subscriber);
    },
  });

  // uWebSockets takes only what has a key for an upgrade.
  app.get(pattern, exchanging(context, observed));
}

async function serve(
  options: UpgradeOptions,
  exchange: Exchange,
  req: HttpRequest,
  socketContext: us_socket_context_t | undefined,
): Promise<string> {
  const { head } = exchange;
  const key = handshakeKey(req);
  exchange.queryToken = queryToken(head.query);
  const admission = await options.api.admitUpgrade(Bucket.GLOBAL, exchange);
  exchange.rate = admission.rate;
  if (admission.refusal !== undefined) throw admission.refusal;
  if (head.ambiguous) throw new AppError("INVALID_REQUEST");
  const name = instanceName(head.variable);
  const opening = findOpening(options.directory, admission.principal, name);
  if (!options.context.cors.mayConnect(head.origin, head.host)) throw new AppError("ORIGIN_NOT_ALLOWED");
  if (options.context.draining.aborted) return refuse(exchange, "SHUTTING_DOWN", comeBack);
  if (key === undefined || socketContext === undefined) return refuse(exchange, "UPGRADE_REQUIRED", upgradeRequired);
  const reservation = options.hub.reserve(opening.entry);
  try {
    if (reservation.inForce !== undefined) {
      await reservation.inForce;
      const { entry } = findOpening(options.directory, admission.principal, name);
      if (entry !== opening.entry) throw new AppError("INSTANCE_NOT_FOUND");
      if (options.context.draining.aborted) return refuse(exchange, "SHUTTING_DOWN", comeBack);
    }
    // From here to the open socket nothing is awaited: what was checked still holds when the hub gets it.
    if (!exchange.open) return "aborted";
    const upgrading: Upgrading = { socket: undefined };
    exchange.res.cork(() => {
      exchange.res.writeStatus("101 Switching Protocols");
      exchange.writeSharedHeaders();
      exchange.finish(101);
      exchange.res.upgrade<SocketData>({ upgrading, subscriber: undefined }, key, "", "", socketContext);
    });
    // Not in the open handler, which runs inside of the cork. Behind a cork uWebSockets reads the state of the answer, which
    // is no more after an upgrade: as long as nothing takes its memory it reads as before, else it may close the socket.
    const { socket } = upgrading;
    if (socket !== undefined) {
      const subscriber = options.hub.add(socket, opening.entry, opening.principal);
      Object.assign(socket.getUserData(), { upgrading: undefined, subscriber } satisfies SocketData);
    }
    return "accepted";
  } finally {
    reservation.release();
  }
}

function refuse(exchange: Exchange, reason: Reason, headers: readonly Header[]): string {
  exchange.refuse(new AppError(reason), headers);
  return reason;
}

/**
 * In seconds. Behind a balancer another node has it by then. Until the end of the drain would be worse: whoever was
 * refused would be kept away for longer than needed, and come back in the same second as all the others.
 */
const comeBack: readonly Header[] = [["Retry-After", "1"]];

const upgradeRequired: readonly Header[] = [
  ["Upgrade", "websocket"],
  ["Sec-WebSocket-Version", "13"],
];

/** Throws why a socket may not be opened now. */
function findOpening(directory: Directory, principal: Principal | undefined, name: string): Opening {
  if (principal === undefined || principal.revoked) throw new AppError("INVALID_TOKEN");
  const entry = find(directory, principal, name);
  if (!entry.websocket?.enabled)
    throw new AppError("WEBSOCKET_DISABLED", { values: { instance: entry.instance.name } });
  return { entry, principal };
}

function find(directory: Directory, principal: Principal, name: string): Entry {
  if (principal.kind === "instance") {
    const entry = directory.instanceById(principal.id);
    if (entry?.instance.name !== name) throw new AppError("INSTANCE_MISMATCH");
    return entry;
  }
  const entry = directory.instance(principal.accountId, name);
  if (entry === undefined) throw new AppError("INSTANCE_NOT_FOUND");
  return entry;
}
