/** `GET /ws/:instance`: checks who asks before the socket exists, then makes it and gives it to the hub. */

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

/** What clients send is thrown away; a larger message is a mistake that is told with 1009. */
const messageMaxBytes = 4096;

export interface UpgradeOptions {
  readonly api: Api;
  readonly directory: Directory;
  readonly hub: Hub;
  /** What a WebSocket sees of its instance. */
  readonly view: View<UwsSocket>;
  /** Hears what became of each request: `accepted`, `aborted`, or the reason of the refusal. */
  readonly onUpgrade: (outcome: string) => void;
  readonly onUpgradeRefused: (refusal: UpgradeRefusal) => void;
  /** Of this app. */
  readonly tally: Tally;
  readonly context: ExchangeContext;
}

/** Whom a refusal met: nothing of a token, and nothing of the query that may hold one. */
export interface UpgradeRefusal {
  readonly reason: Reason;
  /** The name in the path, cut at 200 characters. Absent without a valid token: it may be one that stands in the wrong place. */
  readonly instance?: string;
  /** As the browser says it, cut at 200 characters. */
  readonly origin?: string;
  /** Empty when the client has gone. */
  readonly remoteAddress: string;
}

/** Of what a client says of itself, in characters. */
const toldMax = 200;

const compare = compareUpgrade();

interface Opening {
  readonly entry: Entry;
  readonly principal: Principal;
}

/** What uWebSockets keeps per socket. */
interface SocketData {
  /** Until the socket is open, that is within the upgrade. */
  opening: Opening | undefined;
  /** From then on. */
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
    // The hub counts what waits for a socket.
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

  // uWebSockets takes only what has a key for an upgrade.
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
    // From here to the open socket nothing is awaited: what was checked still holds when the hub gets it.
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
