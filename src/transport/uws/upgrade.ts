/**
 * Serves `GET /ws/:instance`, and `GET /ws` for all instances of an account. It checks who asks before the WebSocket
 * exists. Then it opens the WebSocket and gives it to the hub.
 */

import type { Consumer } from "../../delivery/consumer.js";
import type { Hub } from "../../delivery/hub.js";
import type { Scope } from "../../delivery/stream-registry.js";
import type { View } from "../../delivery/view.js";
import type { Directory } from "../../directory/directory.js";
import { messageTooBig } from "../../domain/closes.js";
import { AppError, type Reason } from "../../domain/errors.js";
import { allTypes } from "../../domain/filter.js";
import type { Api } from "../../rpc/api.js";
import { errorHeaders } from "../../rpc/errors/error-headers.js";
import { upgradePolicy } from "../../rpc/policy.js";
import type { Header } from "../cors.js";
import type { Tally } from "./apps.js";
import { ClientMessages } from "./client-messages.js";
import { type Exchange, type ExchangeContext, exchanging } from "./exchange.js";
import { answersPing } from "./fan-out.js";
import { acceptHandshake, type Handshake } from "./handshake-answer.js";
import { instanceName } from "./instance-name.js";
import { type Negotiated, negotiate } from "./negotiation.js";
import { queryValue } from "./query.js";
import { idleTimeoutMax, payloadMaxBytes, UpgradeCork } from "./quirks.js";
import type { RefusedSockets, ToldRefusal } from "./refused-sockets.js";
import { ambiguity } from "./request.js";
import type { UwsSocket } from "./socket.js";
import type { SocketViews } from "./socket-views.js";
import { readSubscription, type Subscription } from "./subscription.js";
import { type Caller, findScope, requireEnabled } from "./upgrade-checks.js";
import { describeRefusal, toldRefusal, type UpgradeRefusal } from "./upgrade-refusal.js";
import type { HttpRequest, TemplatedApp, us_socket_context_t } from "./uws.js";

/** Largest message that a client may send, in bytes. The socket of a client that sends a larger message is closed with 1009. */
const messageMaxBytes = 4096;

export interface UpgradeOptions {
  /** Whether the path names no instance, so that a client gets all instances of its account. */
  readonly wholeAccount: boolean;
  readonly api: Api;
  readonly directory: Directory;
  readonly hub: Hub;
  readonly views: SocketViews;
  /** Whether the token may stand in the query. */
  readonly queryTokens: boolean;
  /** The sockets that only tell a refusal. All apps of the node share them. */
  readonly refusedSockets: RefusedSockets;
  /** Called with the outcome of each upgrade: `accepted`, `aborted`, or the reason of the refusal. */
  readonly onUpgrade: (outcome: string) => void;
  readonly onUpgradeRefused: (refusal: UpgradeRefusal) => void;
  /** Counts the open WebSockets of the app on which the upgrade is mounted. */
  readonly tally: Tally;
  readonly context: ExchangeContext;
}

interface Opening {
  readonly scope: Scope;
  readonly caller: Caller;
  readonly view: View<UwsSocket>;
  /** What a client of `eventwire.v1` asks for. Undefined for a plain client. */
  readonly subscription: Subscription | undefined;
}

/** The data that uWebSockets keeps for each WebSocket. */
interface SocketData {
  /** What the socket is for, or why its client is refused. Present from the upgrade until the WebSocket is open. */
  opening: Opening | ToldRefusal | undefined;
  /** The consumer in the hub. Present as soon as the WebSocket is open, unless the socket only tells a refusal. */
  consumer: Consumer | undefined;
  /** Present for a consumer of `eventwire.v1`. What a plain client sends is thrown away. */
  messages?: ClientMessages;
}

export function mountUpgrade(app: TemplatedApp, pattern: string, options: UpgradeOptions): void {
  const { hub, refusedSockets, tally, context, onUpgrade, onUpgradeRefused } = options;
  const upgradeCork = new UpgradeCork<SocketData>();

  async function observed(exchange: Exchange, _: HttpRequest, socketContext?: us_socket_context_t): Promise<void> {
    const handshake = handshakeOf(exchange, socketContext);
    const negotiated = negotiate(exchange.head);
    if (negotiated === undefined && options.wholeAccount) {
      // The plain protocol has no connections to whole accounts, so its clients get the answer of any unknown path.
      exchange.refuse(new AppError("NOT_FOUND"));
      return;
    }
    const refused = (reason: Reason): void => {
      onUpgrade(reason);
      onUpgradeRefused(describeRefusal(exchange, reason));
    };
    try {
      const opening = await admit(options, exchange, negotiated);
      if (handshake === undefined) {
        refused("UPGRADE_REQUIRED");
        exchange.refuse(new AppError("UPGRADE_REQUIRED"), upgradeRequired);
      } else onUpgrade(await open(exchange, handshake, opening, negotiated?.subprotocol));
    } catch (error) {
      const failure = exchange.report(error);
      refused(failure.reason);
      if (handshake === undefined || !negotiated?.readable || !mayTell(exchange)) throw failure;
      const { subprotocol } = negotiated;
      const data: SocketData = { opening: toldRefusal(failure), consumer: undefined };
      const headers = Object.entries(errorHeaders(failure));
      acceptHandshake(exchange, handshake, { data, subprotocol, headers }, upgradeCork);
    }
  }

  /**
   * Whether a socket may be opened to tell a refusal. An ambiguous request gets none, because two parsers could read the
   * request in two ways.
   */
  function mayTell({ open, head }: Exchange): boolean {
    return open && !head.ambiguous && !refusedSockets.full;
  }

  async function open(exchange: Exchange, handshake: Handshake, opening: Opening, subprotocol = ""): Promise<string> {
    const reservation = hub.reserve(opening.scope, opening.view.format, opening.subscription?.asked);
    try {
      if (reservation.inForce !== undefined) {
        await reservation.inForce;
        requireUnchanged(options, exchange, opening);
      }
      reservation.check();
      // From here to the open socket nothing is awaited: what was checked still holds when the hub gets it.
      if (!exchange.open) return "aborted";
      acceptHandshake(exchange, handshake, { data: { opening, consumer: undefined }, subprotocol }, upgradeCork);
      return "accepted";
    } finally {
      reservation.release();
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
      if (opening === undefined) return;
      if ("frame" in opening) {
        refusedSockets.opened(ws, opening);
        return;
      }
      const { scope, caller, view, subscription } = opening;
      data.consumer = hub.add(ws, scope, caller.principal, view, subscription?.asked);
      if (subscription !== undefined) data.messages = new ClientMessages(hub, data.consumer, typesMax(caller));
    },

    message(ws, message, isBinary) {
      const { consumer, messages } = ws.getUserData();
      if (consumer === undefined) return;
      hub.heard(consumer);
      if (message.byteLength > messageMaxBytes) hub.end(consumer, messageTooBig);
      else messages?.take(message, isBinary);
    },

    ping(ws) {
      const { consumer } = ws.getUserData();
      if (consumer !== undefined) hub.pinged(consumer);
    },

    pong(ws, payload) {
      const { consumer } = ws.getUserData();
      if (consumer === undefined) refusedSockets.confirmed(ws);
      else if (answersPing(payload)) hub.ponged(consumer);
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
      if (consumer === undefined) refusedSockets.closed(ws);
      else hub.remove(consumer);
    },
  });

  // uWebSockets calls this handler for a request without a `Sec-WebSocket-Key`, because it does not take that for an
  // upgrade.
  app.get(pattern, exchanging(context, observed));
}

function scopeOf({ directory, wholeAccount }: UpgradeOptions, { head }: Exchange, caller: Caller): Scope {
  return findScope(directory, caller, wholeAccount ? undefined : instanceName(head.variable));
}

/** Returns the event types that the caller's ticket allows, or all types for a caller with a token. */
function typesMax({ grant }: Caller): number {
  return grant?.types ?? allTypes;
}

function viewOf({ plain, plainByTicket, v1 }: SocketViews, caller: Caller, subscription?: Subscription) {
  if (subscription !== undefined) return { ...v1, types: subscription.types & typesMax(caller) };
  return caller.grant === undefined ? plain : { ...plainByTicket, types: typesMax(caller) };
}

function handshakeOf({ head }: Exchange, socketContext: us_socket_context_t | undefined): Handshake | undefined {
  const key = head.handshakeKey;
  return key === undefined || socketContext === undefined ? undefined : { key, socketContext };
}

/** Makes the checks in the order of the contract. Throws the error of the first check that fails. */
async function admit(
  options: UpgradeOptions,
  exchange: Exchange,
  negotiated: Negotiated | undefined,
): Promise<Opening> {
  const { api, context, views, queryTokens } = options;
  const { head } = exchange;
  const queryToken = queryValue(head.query, "token");
  if (queryTokens) exchange.queryToken = queryToken;
  exchange.ticket = queryValue(head.query, "ticket");
  const { principal, rate, refusal, grant } = await api.admitUpgrade(upgradePolicy.bucket, exchange);
  exchange.rate = rate;
  if (refusal?.reason === "MISSING_TOKEN" && queryToken !== undefined)
    throw new AppError("INVALID_TOKEN", queryTokenRule);
  if (refusal !== undefined) throw refusal;
  if (principal === undefined) throw new AppError("INVALID_TOKEN");
  if (head.ambiguous) throw new AppError("INVALID_REQUEST", ambiguity);
  const caller = { principal, grant };
  const scope = scopeOf(options, exchange, caller);
  const subscription = negotiated && readSubscription(head.query);
  const view = viewOf(views, caller, subscription);
  requireEnabled(scope);
  if (!context.cors.mayConnect(head.origin, head.host)) throw new AppError("ORIGIN_NOT_ALLOWED");
  requireServing(context);
  return { scope, caller, view, subscription };
}

/** Checks again after a wait. Throws when the instance is another one by now, or the node has begun to drain. */
function requireUnchanged(options: UpgradeOptions, exchange: Exchange, { scope, caller }: Opening): void {
  const found = scopeOf(options, exchange, caller);
  requireEnabled(found);
  if (found !== scope && !("accountId" in found)) throw new AppError("INSTANCE_NOT_FOUND");
  requireServing(options.context);
}

function requireServing({ draining }: ExchangeContext): void {
  if (draining.aborted) throw new AppError("SHUTTING_DOWN");
}

const queryTokenRule = {
  field: "token",
  rule: "must not stand in the query, because QUERY_TOKENS is off; send the token in a header, or a ticket in its place",
};

const upgradeRequired: readonly Header[] = [
  ["Upgrade", "websocket"],
  ["Sec-WebSocket-Version", "13"],
];
