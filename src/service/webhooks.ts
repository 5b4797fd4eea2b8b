/** Sets and reads the webhooks of an instance. */

import { AppError } from "../domain/errors.js";
import { type AskedWebhook, defaultLabel, isWebhookUrl, type Webhook, webhookToSave } from "../domain/webhook.js";
import { isWebhookSecret } from "../domain/webhook-secret.js";
import type { Store } from "../store/store.js";
import { failingAs } from "./failure.js";

export interface Webhooks {
  /**
   * Stores a webhook in place of any earlier one with its label, and returns the stored one. A disabled webhook is
   * stored with nothing but its label. Rejects with INVALID_REQUEST_BODY for a URL or a secret that cannot be used, with
   * WEBHOOK_LIMIT_REACHED, with INSTANCE_NOT_FOUND when the instance does not exist any more, or with
   * SET_WEBHOOK_FAILED.
   */
  set(instanceId: string, asked: AskedWebhook): Promise<Webhook>;
  /** Reads the webhooks of an instance, by label. Rejects with GET_WEBHOOK_FAILED. */
  list(instanceId: string): Promise<Webhook[]>;
  /**
   * Reads the webhook with a label; an empty label means `default`. Rejects with WEBHOOK_NOT_CONFIGURED when there is
   * none, or with GET_WEBHOOK_FAILED.
   */
  get(instanceId: string, label: string): Promise<Webhook>;
}

export function createWebhooks({ store }: { store: Store }): Webhooks {
  return {
    async set(instanceId, asked) {
      return failingAs("SET_WEBHOOK_FAILED", store.setWebhook(instanceId, checkedWebhook(asked)));
    },

    list: (instanceId) => failingAs("GET_WEBHOOK_FAILED", store.listWebhooks(instanceId)),

    async get(instanceId, label) {
      const found = await failingAs("GET_WEBHOOK_FAILED", store.getWebhook(instanceId, label || defaultLabel));
      if (found === undefined) throw new AppError("WEBHOOK_NOT_CONFIGURED");
      return found;
    },
  };
}

/** The webhook to store. Throws INVALID_REQUEST_BODY when its URL or its secret cannot be used. */
export function checkedWebhook(asked: AskedWebhook): AskedWebhook {
  const webhook = webhookToSave({ ...asked, label: asked.label || defaultLabel });
  if (webhook.enabled && !isWebhookUrl(webhook.url)) {
    throw new AppError("INVALID_REQUEST_BODY", { field: "url", rule: "must be an absolute http or https URL" });
  }
  if (webhook.secret !== undefined && !isWebhookSecret(webhook.secret)) {
    const rule = "must be whsec_ and the base64 of 24 to 64 bytes";
    throw new AppError("INVALID_REQUEST_BODY", { field: "secret", rule });
  }
  return webhook;
}
