/**
 * Reads the configurations in a CreateInstance request: the channel configuration and the webhook. A configuration that
 * breaks the rules becomes a disabled one together with the refusal, because it must not stop the creation.
 */

import type { DescMessage, JsonObject, JsonValue, MessageShape } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { CreateInstanceRequest } from "../../../gen/eventwire/v1/instance_service_pb.js";
import { SetWebhookRequestSchema } from "../../../gen/eventwire/v1/webhook_service_pb.js";
import { SetWebsocketRequestSchema } from "../../../gen/eventwire/v1/websocket_service_pb.js";
import { AppError } from "../../domain/errors.js";
import { type AskedWebhook, defaultLabel, disabledWebhook } from "../../domain/webhook.js";
import { disabledWebsocket, type Websocket } from "../../domain/websocket.js";
import { checkedWebhook } from "../../service/webhooks.js";
import { decodeJson } from "../decoding/decode-message.js";
import type { Validation } from "../validation.js";
import { toAskedWebhook } from "./webhook-methods.js";
import { toWebsocket } from "./websocket-methods.js";

export interface Block<T> {
  readonly asked: T;
  /** Why the configuration in the request cannot be used. Absent when it can. */
  readonly refusal?: AppError;
}

export interface InlineBlocks {
  /** The channel configuration. Undefined when the request has none of its fields. */
  websocket(request: CreateInstanceRequest): Block<Websocket> | undefined;
  /** The webhook. Undefined when the request has none of its fields. */
  webhook(request: CreateInstanceRequest): Block<AskedWebhook> | undefined;
}

export function createInlineBlocks(validation: Validation): InlineBlocks {
  /** Reads the fields as the body that the method for the configuration would get. */
  function read<D extends DescMessage, T>(
    desc: D,
    instance: string,
    fields: Readonly<Record<string, Value | undefined>>,
    make: (message: MessageShape<D>) => T,
    disabled: T,
  ): Block<T> | undefined {
    const given = Object.entries(fields).filter(([, value]) => value !== undefined) as [string, Value][];
    if (given.length === 0) return undefined;
    const body: JsonObject = Object.fromEntries(given.map(([name, value]) => [name, toJsonOrString(value)]));
    try {
      const asked = decodeJson(desc, { ...body, instance }) as MessageShape<D>;
      validation.check(desc, asked);
      return { asked: make(asked) };
    } catch (error) {
      return { asked: disabled, refusal: AppError.from(error) };
    }
  }

  return {
    websocket: (request) =>
      read(
        SetWebsocketRequestSchema,
        request.name,
        {
          enabled: request.websocketEnabled,
          events: request.websocketEvents,
          mediaBase64: request.websocketMediaBase64,
        },
        toWebsocket,
        disabledWebsocket,
      ),

    webhook: (request) =>
      read(
        SetWebhookRequestSchema,
        request.name,
        {
          enabled: request.webhookEnabled,
          url: request.webhookUrl,
          authorization: request.webhookAuthorization,
          byEvents: request.webhookByEvents,
          events: request.webhookEvents,
          mediaBase64: request.webhookMediaBase64,
        },
        (asked) => checkedWebhook(toAskedWebhook(asked)),
        { ...disabledWebhook(defaultLabel), sign: false },
      ),
  };
}

/**
 * Returns a Value as JSON. A binary client can send a Value without a JSON form: one without a kind, or NaN. Such a
 * Value becomes a text that no rule accepts for a boolean or a list, and that is no URL.
 */
function toJsonOrString(value: Value): JsonValue {
  try {
    return toJson(ValueSchema, value);
  } catch {
    return "no JSON value";
  }
}
