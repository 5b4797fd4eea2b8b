/** The methods of WebhookService that show and mend the deliveries of a webhook. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type DeliveryAttemptSchema,
  type DeliverySchema,
  WebhookService,
} from "../../../gen/eventwire/v1/webhook_service_pb.js";
import type { Deliveries } from "../../service/deliveries.js";
import type { Delivery, DeliveryAttempt, DeliveryState } from "../../store/webhook-operations.js";
import { doneBy, loggedWebhook, type OnChange } from "./control-change.js";
import { instanceMethod, type Method } from "./method.js";
import { toWebhookMessage } from "./webhook-methods.js";

const limitDefault = 100;
const graceSecondsDefault = 86_400;

export function createDeliveryMethods(options: { deliveries: Deliveries; onChange: OnChange }): Method[] {
  const { deliveries, onChange } = options;
  const { method } = WebhookService;
  return [
    instanceMethod(method.listDeliveries, async ({ label, state, since, limit = limitDefault, cursor }, { id }) => {
      const question = { state: (state || undefined) as DeliveryState | undefined, since, limit, cursor };
      const found = await deliveries.list(id, label, question);
      return {
        success: true,
        message: "Deliveries retrieved",
        deliveries: found.deliveries.map(toDeliveryMessage),
        ...(found.nextCursor !== undefined && { nextCursor: found.nextCursor }),
      };
    }),

    instanceMethod(method.getDelivery, async ({ label, number }, { id }) => {
      const { delivery, attempts } = await deliveries.get(id, label, Number(number));
      return {
        success: true,
        message: "Delivery retrieved",
        delivery: toDeliveryMessage(delivery),
        attempts: attempts.map(toAttemptMessage),
      };
    }),

    instanceMethod(method.retryDelivery, async ({ label, number }, { id }) => {
      await deliveries.retry(id, label, Number(number));
      return { success: true, message: "Delivery retried" };
    }),

    instanceMethod(method.replayDeliveries, async ({ label, since }, { id }) => {
      const replayed = await deliveries.replay(id, label, since);
      return { success: true, message: "Deliveries replayed", replayed };
    }),

    instanceMethod(method.skipDelivery, async ({ label }, { id }) => {
      const number = await deliveries.skip(id, label);
      return { success: true, message: "Delivery skipped", number: String(number) };
    }),

    instanceMethod(method.sendTestEvent, async ({ label }, instance) => ({
      success: true,
      message: "Test event queued",
      id: await deliveries.sendTest(instance.id, label),
    })),

    instanceMethod(
      method.rotateWebhookSecret,
      async ({ label, graceSeconds = graceSecondsDefault }, { id, name }, principal) => {
        const webhook = await deliveries.rotateSecret(id, label, graceSeconds);
        const logged = loggedWebhook(webhook);
        onChange({ what: "webhook configured", instanceId: id, instance: name, webhook: logged, ...doneBy(principal) });
        return { success: true, message: "Webhook secret rotated", webhook: toWebhookMessage(webhook) };
      },
    ),
  ];
}

function toDeliveryMessage(delivery: Delivery): MessageInitShape<typeof DeliverySchema> {
  const { number, eventId, event, state, attempts, acceptedAt, dueAt, last } = delivery;
  return {
    ...{ number: String(number), eventId, event, state, attempts, acceptedAt: acceptedAt.toISOString() },
    ...(dueAt !== undefined && state === "waiting" && { dueAt: dueAt.toISOString() }),
    ...(last !== undefined && { last: toAttemptMessage(last) }),
  };
}

function toAttemptMessage(attempt: DeliveryAttempt): MessageInitShape<typeof DeliveryAttemptSchema> {
  const { at, status, ms, error, response } = attempt;
  return {
    ...{ at: at.toISOString(), ms },
    ...(status !== undefined && { status }),
    ...(error !== undefined && { error }),
    ...(response !== undefined && { response }),
  };
}
