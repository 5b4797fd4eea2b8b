/**
 * Describes, for the operator's log, a lasting change that a call made, and the kind of token with which it was made.
 * The description holds no token and no payload.
 */

import type { Principal } from "../../domain/instance.js";
import type { Webhook } from "../../domain/webhook.js";
import type { Websocket } from "../../domain/websocket.js";

export interface ControlChange {
  readonly what: "instance created" | "instance deleted" | "channel configured" | "webhook configured";
  readonly instanceId: string;
  /** The name of the instance that was created, deleted or configured. */
  readonly instance: string;
  /** The channel configuration that is in force from now on. Undefined when the call set no configuration. */
  readonly websocket?: Websocket | undefined;
  /** The webhook that is in force from now on. Undefined when the call set no webhook. */
  readonly webhook?: LoggedWebhook | undefined;
  readonly by: "account token" | "instance token";
  /** The id of the account or instance whose token made the change. */
  readonly byId: string;
}

/** A webhook without its URL, its header and its secret, each of which may hold a password. */
export type LoggedWebhook = Pick<Webhook, "label" | "enabled" | "byEvents" | "events" | "mediaBase64" | "ordered">;

export function loggedWebhook(webhook: Webhook): LoggedWebhook {
  const { label, enabled, byEvents, events, mediaBase64, ordered } = webhook;
  return { label, enabled, byEvents, events, mediaBase64, ordered };
}

/** Called once for each of these changes after it is stored, on the node that served the call. */
export type OnChange = (change: ControlChange) => void;

export function doneBy({ kind, id }: Principal): Pick<ControlChange, "by" | "byId"> {
  return { by: `${kind} token`, byId: id };
}
