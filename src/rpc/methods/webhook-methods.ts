/** The methods of WebhookService that set and get the webhooks of an instance. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type SetWebhookRequest,
  type WebhookSchema,
  WebhookService,
} from "../../../gen/eventwire/v1/webhook_service_pb.js";
import { type AskedWebhook, defaultTimeoutSeconds, type Webhook } from "../../domain/webhook.js";
import type { Webhooks } from "../../service/webhooks.js";
import { doneBy, loggedWebhook, type OnChange } from "./control-change.js";
import { instanceMethod, type Method } from "./method.js";

export function createWebhookMethods(options: { webhooks: Webhooks; onChange: OnChange }): Method[] {
  const { webhooks, onChange } = options;
  return [
    instanceMethod(WebhookService.method.setWebhook, async (request, { id, name }, principal) => {
      const webhook = await webhooks.set(id, toAskedWebhook(request));
      onChange({
        what: "webhook configured",
        instanceId: id,
        instance: name,
        webhook: loggedWebhook(webhook),
        ...doneBy(principal),
      });
      return { success: true, message: "Webhook configured successfully", webhook: toWebhookMessage(webhook) };
    }),

    instanceMethod(WebhookService.method.getWebhook, async ({ label }, { id }) => {
      if (label === undefined) {
        const all = await webhooks.list(id);
        return { success: true, message: "Webhooks retrieved", webhooks: all.map(toWebhookMessage) };
      }
      const webhook = toWebhookMessage(await webhooks.get(id, label));
      return { success: true, message: "Webhook configuration retrieved", webhook };
    }),
  ];
}

/** Makes a webhook from a validated request, in which `enabled` is present and the events are known types. */
export function toAskedWebhook(request: SetWebhookRequest): AskedWebhook {
  const { label, enabled, url, authorization, byEvents, events, mediaBase64, secret, sign } = request;
  const { ordered = true, timeoutSeconds = defaultTimeoutSeconds } = request;
  return {
    ...{ label, enabled: enabled === true, url, authorization, byEvents, events, mediaBase64 },
    ...{ secret, sign, ordered, timeoutSeconds },
  };
}

export function toWebhookMessage(webhook: Webhook): MessageInitShape<typeof WebhookSchema> {
  const { label, enabled, url, authorization, byEvents, events, mediaBase64 } = webhook;
  const { secret, ordered, timeoutSeconds, disabledReason } = webhook;
  return {
    ...{ label, enabled, url, byEvents, events: [...events], mediaBase64 },
    authorization: {
      kind:
        authorization === undefined ? { case: "nullValue", value: 0 } : { case: "stringValue", value: authorization },
    },
    ...(secret !== undefined && { secret }),
    ...(!ordered && { ordered }),
    ...(timeoutSeconds !== defaultTimeoutSeconds && { timeoutSeconds }),
    ...(disabledReason !== undefined && { disabledReason }),
  };
}
