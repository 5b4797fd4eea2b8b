/** The webhooks of an instance: a configuration, what is stored for a disabled one, and what publishing must know. */

/** A webhook as it is stored. An empty `events` means all event types, and keeps the order that the caller sent. */
export interface Webhook {
  /** The name of the webhook, unique within its instance. */
  readonly label: string;
  readonly enabled: boolean;
  /** An absolute http or https URL. Empty when the owner has disabled the webhook. */
  readonly url: string;
  /** The value of the header `Authorization`. Undefined when none is configured. */
  readonly authorization: string | undefined;
  /** Whether the path of a request has the event type as one more segment. */
  readonly byEvents: boolean;
  readonly events: readonly string[];
  readonly mediaBase64: boolean;
  /** The secret of Standard Webhooks, with its prefix. Undefined when requests are not signed. */
  readonly secret: string | undefined;
  /** Whether a delivery waits for the one before it. */
  readonly ordered: boolean;
  /** How long the receiver may take to answer, in seconds. */
  readonly timeoutSeconds: number;
  /** Why the gateway disabled the webhook. Undefined when the gateway did not. */
  readonly disabledReason: string | undefined;
}

/** The webhook that an owner asks for. */
export interface AskedWebhook extends Omit<Webhook, "disabledReason"> {
  /** Whether requests are signed also when `secret` is undefined: with the stored secret, or else with a new one. */
  readonly sign: boolean;
}

/** What publishing knows of an enabled webhook without asking the database. */
export interface WebhookFilter {
  /** The id of the webhook: a whole number as text. */
  readonly id: string;
  readonly label: string;
  /** Counts the changes of the webhook, from 1. */
  readonly version: number;
  /** The bits of the event types that the webhook takes; see `eventTypeBit`. */
  readonly types: number;
  readonly mediaBase64: boolean;
}

/** The label of a webhook whose owner gave none. */
export const defaultLabel = "default";
/** Most enabled webhooks of one instance. */
export const enabledWebhooksMax = 3;
/** How long a receiver may take to answer unless its owner says otherwise, in seconds. */
export const defaultTimeoutSeconds = 10;

/** The webhook that is stored when its owner disables it. It keeps nothing but its label. */
export function disabledWebhook(label: string): Webhook {
  return {
    label,
    enabled: false,
    url: "",
    authorization: undefined,
    byEvents: false,
    events: [],
    mediaBase64: false,
    secret: undefined,
    ordered: true,
    timeoutSeconds: defaultTimeoutSeconds,
    disabledReason: undefined,
  };
}

/** The webhook to ask for when a caller asks for `asked`: `asked` itself, or a cleared one when it is disabled. */
export function webhookToSave(asked: AskedWebhook): AskedWebhook {
  return asked.enabled ? asked : { ...disabledWebhook(asked.label), sign: false };
}

/** Whether the text is an absolute http or https URL with a host. */
export function isWebhookUrl(text: string): boolean {
  if (!/^https?:\/\/[^/?#]/i.test(text)) return false;
  try {
    return new URL(text).hostname !== "";
  } catch {
    return false;
  }
}

/** Whether the text can be a label: 1 to 100 characters without control characters. */
export function isWebhookLabel(text: string): boolean {
  return /^\P{Cc}{1,100}$/u.test(text);
}
