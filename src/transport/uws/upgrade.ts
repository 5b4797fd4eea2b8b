/**
 * Serves `GET /ws/:instance`. It checks who asks before the WebSocket exists. Then it opens the WebSocket and gives it
 * to the hub.
 */

import type { Consumer } from "../../delivery/consumer.js";
import type { Hub } from "../../delivery/hub.js";
import type { View } from "../../delivery/view.js";
import type { Directory, Entry } from "../../directory/directory.js";
import { messageTooBig } from "../../domain/closes.js";
import { AppError, type Reason } from "../../domain/errors.js";
import type { Principal } from "../../domain/instance.js";
import type { Api } from "../../rpc/api.js";
import { compareUpgrade } from "../../rpc/errors/listed-errors.js";
import { upgradePolicy } from "../../rpc/policy.js";
import type { Header } from "../cors.js";
import type { Tally } from "./apps.js";
import { type Exchange, type ExchangeContext, exchanging } from "./exchange.js";
import { answersPing } from "./fan-out.js";
import { instanceName } from "./instance-name.js";
import { queryToken } from "./query-token.js";
import { idleTimeoutMax, payloadMaxBytes, UpgradeCork } from "./quirks.js";
import { ambiguity } from "./request.js";
import type { UwsSocket } from "./socket.js";
import type { HttpRequest, TemplatedApp, us_socket_context_t } from "./uws.js";

/**
 * Largest message that a client may send, in bytes. The gateway throws every message away. A larger message must be a
 * mistake, and its socket is closed with 1009.
 */
const messageMaxBytes = 4096;

export interface UpgradeOptions {
  readonly api: Api;
  readonly directory: Directory;
  readonly hub: Hub;
  /** The view of every WebSocket: what it sees of the events of its instance. */
  readonly view: View<UwsSocket>;
  /** Called with the outcome of each upgrade: `accepted`, `aborted`, or the reason of the refusal. */
  readonly onUpgrade: (outcome: string) => void;
  readonly onUpgradeRefused: (refusal: UpgradeRefusal) => void;
  /** Counts the open WebSockets of the app on which the upgrade is mounted. */
  readonly tally: Tally;
  readonly context: ExchangeContext;
}

/**
 * What is reported about a refused upgrade. The report has no part of the token, and no part of the query, which may
 * hold a token.
 */
export interface UpgradeRefusal {
  readonly reason: Reason;
  /**
   * The instance name from the path, cut at 200 characters. Absent when the token is not valid, because then the path
   * may hold a token by mistake.
   */
  readonly instance?: string;
  /** The `Origin` header of the browser, cut at 200 characters. Absent when the client sent none. */
  readonly origin?: string;
  /** The IP address of the client. Empty when the client has gone. */
  readonly remoteAddress: string;
}

/** Most characters that a report takes from a text that the client sent. */
const toldMax = 200;

const compare = compareUpgrade();

interface Opening {
  readonly entry: Entry;
  readonly principal: Principal;
}

/** The data that uWebSockets keeps for each WebSocket. */
interface SocketData {
  /** The checked instance and principal. Present from the upgrade until the WebSocket is open. */
  opening: Opening | undefined;
  /** The consumer in the hub. Present as soon as the WebSocket is open. */
  consumer: Consumer | undefined;
}

export function mountUpgrade(app: TemplatedApp, pattern: string, options: UpgradeOptions): void {
  const { hub, view, tally, context, onUpgrade } = options;
  const upgradeCork = new UpgradeCork<SocketData>();

  async function observed(exchange: Exchange, _: HttpRequest, socketContext?: us_socket_context_t): Promise<void> {
    try {
      onUpgrade(await serve(options, upgradeCork, exchange, socketContext));
    } catch (error) {
      const { reason } = AppError.from(error);
      onUpgrade(reason);
      tellRefusal(options, exchange, reason);
      throw error;
    }
  }

  app.ws<SocketData>(pattern, {
    maxPayloadLength: payloadMaxBytes,
    // uWebSockets must not limit the bytes that wait for a socket, because the hub counts and limits them.
    maxBackpressure: 0,
    closeOnBackpressureLimit: false,
    compression: 0,
    idleTimeout: idleTimeoutMax,
    sendPingsAutomatically: false,

    upgrade: exchanging(context, observed),

    open(ws) {
      const data = ws.getUserData();
      const { opening } = data;
      data.opening = undefined;
      tally.opened();
      upgradeCork.opened(ws);
      if (opening !== undefined) data.consumer = hub.add(ws, opening.entry, opening.principal, view);
    },

    message(ws, message) {
      const { consumer } = ws.getUserData();
      if (consumer === undefined) return;
      hub.heard(consumer);
      if (message.byteLength > messageMaxBytes) hub.end(consumer, messageTooBig);
    },

    ping(ws) {
      const { consumer } = ws.getUserData();
      if (consumer !== undefined) hub.pinged(consumer);
    },

    pong(ws, payload) {
      const { consumer } = ws.getUserData();
      if (consumer === undefined) return;
      if (answersPing(payload)) hub.ponged(consumer);
      else hub.heard(consumer);
    },

    drain(ws) {
      const { consumer } = ws.getUserData();
      if (consumer !== undefined) hub.drained(consumer);
    },

    close(ws) {
      tally.closed();
      upgradeCork.closed(ws);
      const { consumer } = ws.getUserData();
      if (consumer !== undefined) hub.remove(consumer);
    },
  });

  // uWebSockets calls this handler for a request without a `Sec-WebSocket-Key`, because it does not take that for an
  // upgrade.
  app.get(pattern, exchanging(context, observed));
}

async function serve(
  options: UpgradeOptions,
  upgradeCork: UpgradeCork<SocketData>,
  exchange: Exchange,
  socketContext: us_socket_context_t | undefined,
): Promise<string> {
  const { head } = exchange;
  exchange.queryToken = queryToken(head.query);
  const admission = await options.api.admitUpgrade(upgradePolicy.bucket, exchange);
  exchange.rate = admission.rate;
  if (admission.refusal !== undefined) throw admission.refusal;
  if (head.ambiguous) throw new AppError("INVALID_REQUEST", ambiguity);
  const name = instanceName(head.variable);
  const opening = findOpening(options.directory, admission.principal, name);
  if (!options.context.cors.mayConnect(head.origin, head.host)) throw new AppError("ORIGIN_NOT_ALLOWED");
  if (options.context.draining.aborted) return refuse(options, exchange, "SHUTTING_DOWN");
  const key = head.handshakeKey;
  if (key === undefined || socketContext === undefined)
    return refuse(options, exchange, "UPGRADE_REQUIRED", upgradeRequired);
  const reservation = options.hub.reserve(opening.entry);
  try {
    if (reservation.inForce !== undefined) {
      await reservation.inForce;
      const { entry } = findOpening(options.directory, admission.principal, name);
      if (entry !== opening.entry) throw new AppError("INSTANCE_NOT_FOUND");
      if (options.context.draining.aborted) return refuse(options, exchange, "SHUTTING_DOWN");
    }
    // Await nothing between this line and the open WebSocket, so that the checks above still hold when the hub gets it.
    if (!exchange.open) return "aborted";
    const data: SocketData = { opening, consumer: undefined };
    exchange.res.cork(() => {
      exchange.res.writeStatus("101 Switching Protocols");
      exchange.writeSharedHeaders();
    });
    exchange.finish(101);
    upgradeCork.run(exchange.res, () => exchange.res.upgrade(data, key, "", "", socketContext));
    return "accepted";
  } finally {
    reservation.release();
  }
}

function describeRefusal({ head, remoteAddress }: Exchange, reason: Reason): UpgradeRefusal {
  const origin = head.origin.slice(0, toldMax);
  const instance = reason === "INVALID_TOKEN" ? undefined : head.variable?.slice(0, toldMax);
  return { reason, ...(instance !== undefined && { instance }), ...(origin !== "" && { origin }), remoteAddress };
}

function tellRefusal({ onUpgradeRefused }: UpgradeOptions, exchange: Exchange, reason: Reason): void {
  compare(reason);
  onUpgradeRefused(describeRefusal(exchange, reason));
}

function refuse(options: UpgradeOptions, exchange: Exchange, reason: Reason, headers?: readonly Header[]): string {
  tellRefusal(options, exchange, reason);
  exchange.refuse(new AppError(reason), headers);
  return reason;
}

const upgradeRequired: readonly Header[] = [
  ["Upgrade", "websocket"],
  ["Sec-WebSocket-Version", "13"],
];

/**
 * Returns the instance for which a principal may open a WebSocket now. Throws an error with the reason when it may not.
 */
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
