/**
 * The methods of InstanceService: create an instance, with a channel configuration if the request has one; list
 * instances; delete an instance.
 */

import {
  create,
  type JsonObject,
  type JsonValue,
  type Message,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import {
  type CreateInstanceRequest,
  InstanceService,
  ListInstancesResponse_InstanceSchema,
  ListInstancesResponseSchema,
} from "../../../gen/eventwire/v1/instance_service_pb.js";
import { type SetWebsocketRequest, SetWebsocketRequestSchema } from "../../../gen/eventwire/v1/websocket_service_pb.js";
import { AppError } from "../../domain/errors.js";
import { disabledWebsocket, type Websocket, websocketToSave } from "../../domain/websocket.js";
import type { Instances } from "../../service/instances.js";
import type { InstanceListing } from "../../store/store.js";
import { decodeJson } from "../decoding/decode-message.js";
import { describeCause } from "../errors/failure-log.js";
import type { Validation } from "../validation.js";
import { doneBy, type OnChange } from "./control-change.js";
import { LongAnswer } from "./long-answer.js";
import { callerMethod, instanceMethod, type Method } from "./method.js";
import { toWebsocket, toWebsocketMessage } from "./websocket-methods.js";

export function createInstanceMethods(options: {
  instances: Instances;
  validation: Validation;
  onChange: OnChange;
  logger: Logger;
}): Method[] {
  const { instances, validation, onChange, logger } = options;

  /**
   * Reads the channel configuration in a CreateInstance request. A configuration that breaks the rules becomes a
   * disabled channel together with the refusal, because it must not stop the creation of the instance. Undefined when
   * the request has no configuration.
   */
  function readBlock(request: CreateInstanceRequest): { websocket: Websocket; refusal?: AppError } | undefined {
    const block = inlineBlock(request);
    if (block === undefined) return undefined;
    try {
      const asked = decodeJson(SetWebsocketRequestSchema, { ...block, instance: request.name }) as SetWebsocketRequest;
      validation.check(SetWebsocketRequestSchema, asked);
      return { websocket: toWebsocket(asked) };
    } catch (error) {
      return { websocket: disabledWebsocket, refusal: AppError.from(error) };
    }
  }

  return [
    callerMethod(InstanceService.method.createInstance, async (request, principal) => {
      const block = readBlock(request);
      const { id, name, token, websocketFailure } = await instances.create({
        accountId: principal.accountId,
        name: request.name,
        token: request.token || undefined,
        websocket: block?.websocket,
      });
      const refusal = block?.refusal;
      if (refusal !== undefined) {
        const { field, rule } = refusal;
        logger.warn(
          { instanceId: id, field, rule },
          "inline websocket configuration refused: the channel stays disabled",
        );
      } else if (websocketFailure !== undefined) {
        const err = describeCause(websocketFailure);
        logger.warn({ instanceId: id, err }, "inline websocket configuration not saved: the channel stays disabled");
      }
      const failure = refusal ?? websocketFailure;
      const websocket = block && (failure === undefined ? websocketToSave(block.websocket) : disabledWebsocket);
      onChange({ what: "instance created", instanceId: id, instance: name, websocket, ...doneBy(principal) });
      return {
        success: true,
        message: "Instance created",
        instance: { id, name, token, status: "disconnected" },
        ...(websocket && { websocket: toWebsocketMessage(websocket) }),
        data: { token },
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

/**
 * Returns the fields `websocket_*` of the request as the body that SetWebsocket would get. Undefined when the request
 * has none of the three fields. A field that is JSON null counts as given.
 */
function inlineBlock(request: CreateInstanceRequest): JsonObject | undefined {
  const given: [string, Value | undefined][] = [
    ["enabled", request.websocketEnabled],
    ["events", request.websocketEvents],
    ["mediaBase64", request.websocketMediaBase64],
  ];
  const members = given.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, toJsonOrString(value)] as const],
  );
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

/**
 * Returns a Value as JSON. A binary client can send a Value without a JSON form: one without a kind, or NaN. Such a
 * Value becomes a text that none of the three fields `websocket_*` accepts.
 */
function toJsonOrString(value: Value): JsonValue {
  try {
    return toJson(ValueSchema, value);
  } catch {
    return "no JSON value";
  }
}

type Listed = MessageInitShape<typeof ListInstancesResponse_InstanceSchema>;

function toListed({ instance: { id, name, token }, status, numberJid, websocket }: InstanceListing): Listed {
  return {
    id,
    name,
    token,
    status,
    connection: { state: status, ...(numberJid !== undefined && { numberJid }) },
    websocket: toWebsocketMessage(websocket ?? disabledWebsocket),
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
