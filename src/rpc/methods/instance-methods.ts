/**
 * The methods of InstanceService: create an instance, with a channel configuration and a webhook if the request has
 * them; list instances; delete an instance.
 */

import { create, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { Logger } from "pino";
import {
  InstanceService,
  ListInstancesResponse_InstanceSchema,
  ListInstancesResponseSchema,
} from "../../../gen/eventwire/v1/instance_service_pb.js";
import { AppError } from "../../domain/errors.js";
import { defaultLabel, disabledWebhook } from "../../domain/webhook.js";
import { disabledWebsocket, websocketToSave } from "../../domain/websocket.js";
import type { Instances } from "../../service/instances.js";
import type { InstanceListing } from "../../store/store.js";
import { describeCause } from "../errors/failure-log.js";
import type { Validation } from "../validation.js";
import { doneBy, loggedWebhook, type OnChange } from "./control-change.js";
import { createInlineBlocks } from "./inline-blocks.js";
import { LongAnswer } from "./long-answer.js";
import { callerMethod, instanceMethod, type Method } from "./method.js";
import { toWebhookMessage } from "./webhook-methods.js";
import { toWebsocketMessage } from "./websocket-methods.js";

export function createInstanceMethods(options: {
  instances: Instances;
  validation: Validation;
  onChange: OnChange;
  logger: Logger;
}): Method[] {
  const { instances, validation, onChange, logger } = options;

  const blocks = createInlineBlocks(validation);

  /** Logs why a configuration in a CreateInstance request was not saved. Undefined when it was. */
  function failed(instanceId: string, what: string, refusal: AppError | undefined, failure: unknown): unknown {
    if (refusal !== undefined) {
      const { field, rule } = refusal;
      logger.warn({ instanceId, field, rule }, `inline ${what} refused: it stays disabled`);
    } else if (failure !== undefined) {
      const err = describeCause(failure);
      logger.warn({ instanceId, err }, `inline ${what} not saved: it stays disabled`);
    }
    return refusal ?? failure;
  }

  return [
    callerMethod(InstanceService.method.createInstance, async (request, principal) => {
      const [socket, hook] = [blocks.websocket(request), blocks.webhook(request)];
      const created = await instances.create({
        accountId: principal.accountId,
        name: request.name,
        token: request.token || undefined,
        websocket: socket?.asked,
        webhook: hook?.asked,
      });
      const { id, name, token } = created;
      const socketFailure = failed(id, "websocket configuration", socket?.refusal, created.websocketFailure);
      failed(id, "webhook", hook?.refusal, created.webhookFailure);
      const websocket = socket && (socketFailure === undefined ? websocketToSave(socket.asked) : disabledWebsocket);
      const webhook = hook && (created.webhook ?? disabledWebhook(defaultLabel));
      const configured = { websocket, webhook: webhook && loggedWebhook(webhook) };
      onChange({ what: "instance created", instanceId: id, instance: name, ...configured, ...doneBy(principal) });
      return {
        success: true,
        message: "Instance created",
        instance: { id, name, token, status: "disconnected" },
        ...(websocket && { websocket: toWebsocketMessage(websocket) }),
        data: { token },
        ...(webhook && { webhook: toWebhookMessage(webhook) }),
      };
    }),

    callerMethod(InstanceService.method.listInstances, async ({ instanceName: names, limit, cursor }, principal) => {
      const { total, listings, nextCursor, rest } = await instances.list(principal, { names, limit, cursor });
      const begin = {
        success: true,
        message: total === 1 ? "1 Instance found" : `${total} Instances found`,
        instances: listings.map(toListed),
        ...(nextCursor !== undefined && { nextCursor }),
        ...(limit !== undefined && { meta: { total } }),
      };
      if (rest === undefined) return begin;
      return new LongAnswer(create(ListInstancesResponseSchema, begin), "instances", listedSlices(rest), tooLong());
    }),

    instanceMethod(InstanceService.method.deleteInstance, async (_, { id, name }, principal) => {
      await instances.delete(id);
      onChange({ what: "instance deleted", instanceId: id, instance: name, ...doneBy(principal) });
      return { success: true, message: "Instance deleted", instance: { status: "deleted" } };
    }),
  ];
}

type Listed = MessageInitShape<typeof ListInstancesResponse_InstanceSchema>;

function toListed({ instance: { id, name, token }, status, numberJid, websocket, webhook }: InstanceListing): Listed {
  return {
    id,
    name,
    token,
    status,
    connection: { state: status, ...(numberJid !== undefined && { numberJid }) },
    websocket: toWebsocketMessage(websocket ?? disabledWebsocket),
    ...(webhook && { webhook: toWebhookMessage(webhook) }),
  };
}

async function* listedSlices(slices: AsyncIterable<readonly InstanceListing[]>): AsyncGenerator<Message[]> {
  for await (const slice of slices) {
    yield slice.map((listing) => create(ListInstancesResponse_InstanceSchema, toListed(listing)));
  }
}

function tooLong(): AppError {
  const rule = "must be given where an account has more than 1,000 instances: they are answered page by page";
  return new AppError("INVALID_REQUEST_BODY", { field: "limit", rule });
}
