/** InstanceService: creation with its inline channel configuration, the list, deletion. */

import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { type CreateInstanceRequest, InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { SetWebsocketRequestSchema } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { disabledWebsocket, type Websocket, websocketToSave } from "../domain/websocket.js";
import type { Instances } from "../service/instances.js";
import { describeCause } from "./failure-log.js";
import { callerMethod, instanceMethod, type Method } from "./method.js";
import type { Validation } from "./validation.js";
import { toWebsocket, toWebsocketMessage } from "./websocket-methods.js";

export function createInstanceMethods(options: {
  instances: Instances;
  validation: Validation;
  logger: Logger;
}): Method[] {
  const { instances, validation, logger } = options;

  /** A block that breaks the rules is a disabled channel: creation must not fail over it. */
  function readBlock(request: CreateInstanceRequest): { websocket: Websocket; failure?: unknown } | undefined {
    const block = inlineBlock(request);
    if (block === undefined) return undefined;
    try {
      const asked = fromJson(SetWebsocketRequestSchema, { ...block, instance: request.name });
      validation.check(SetWebsocketRequestSchema, asked);
      return { websocket: toWebsocket(asked) };
    } catch (failure) {
      return { websocket: disabledWebsocket, failure };
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
      const failure = block?.failure ?? websocketFailure;
      if (failure !== undefined) {
        const err = describeCause(failure);
        logger.warn(
          { instanceId: id, err },
          "inline websocket configuration refused or not saved: the channel stays disabled",
        );
      }
      return {
        success: true,
        message: "Instance created",
        instance: { id, name, token, status: "disconnected" },
        ...(block && {
          websocket: toWebsocketMessage(failure === undefined ? websocketToSave(block.websocket) : disabledWebsocket),
        }),
        data: { token },
      };
    }),

    callerMethod(InstanceService.method.listInstances, async ({ instanceName }, principal) => {
      const listings = await instances.list(principal, splitNames(instanceName));
      return {
        success: true,
        message: listings.length === 1 ? "1 Instance found" : `${listings.length} Instances found`,
        instances: listings.map(({ instance: { id, name, token }, status, websocket }) => ({
          id,
          name,
          token,
          status,
          connection: { state: status },
          ...(websocket && { websocket: toWebsocketMessage(websocket) }),
        })),
      };
    }),

    instanceMethod(InstanceService.method.deleteInstance, async (_, instance) => {
      await instances.delete(instance.id);
      return { success: true, message: "Instance deleted", instance: { status: "deleted" } };
    }),
  ];
}

/** The body that SetWebsocket would have got; undefined when none of the three fields is given. JSON null is given. */
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

/** A Value without JSON form (a binary client can send one without a kind, or NaN) is wrong for all three fields. */
function toJsonOrString(value: Value): JsonValue {
  try {
    return toJson(ValueSchema, value);
  } catch {
    return "no JSON value";
  }
}

/** No name begins or ends with a space, so `a, b` reads as it is meant. */
function splitNames(instanceName: string): string[] {
  return instanceName
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
