/** InstanceService: creation with its inline channel configuration, the list, deletion. */

import { fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { Logger } from "pino";
import { type CreateInstanceRequest, InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { SetWebsocketRequestSchema } from "../../gen/eventwire/v1/websocket_service_pb.js";
import type { Instance } from "../domain/instance.js";
import { disabledWebsocket, type Websocket } from "../domain/websocket.js";
import type { Instances } from "../service/instances.js";
import type { Websockets } from "../service/websockets.js";
import { describeCause } from "./failure-log.js";
import { callerMethod, instanceMethod, type Method } from "./method.js";
import type { Validation } from "./validation.js";
import { toWebsocket, toWebsocketMessage } from "./websocket-methods.js";

export function createInstanceMethods(options: {
  instances: Instances;
  websockets: Websockets;
  validation: Validation;
  logger: Logger;
}): Method[] {
  const { instances, websockets, validation, logger } = options;

  /** Never rejects: the instance exists already, and its creation must not look as if it had failed. */
  async function configure(instance: Instance, block: JsonObject): Promise<Websocket> {
    try {
      const request = fromJson(SetWebsocketRequestSchema, { ...block, instance: instance.name });
      validation.check(SetWebsocketRequestSchema, request);
      return await websockets.set(instance.id, toWebsocket(request));
    } catch (error) {
      logger.warn(
        { instanceId: instance.id, err: describeCause(error) },
        "inline websocket configuration refused or not saved: the channel stays disabled",
      );
      return saveDisabled(instance);
    }
  }

  /** The row keeps `GetWebsocket` from answering "not configured" for a channel that was asked for. */
  async function saveDisabled(instance: Instance): Promise<Websocket> {
    try {
      return await websockets.set(instance.id, disabledWebsocket);
    } catch (error) {
      logger.warn({ instanceId: instance.id, err: describeCause(error) }, "disabled websocket configuration not saved");
      return disabledWebsocket;
    }
  }

  return [
    callerMethod(InstanceService.method.createInstance, async (request, principal) => {
      const instance = await instances.create(principal.accountId, request.name, request.token || undefined);
      const block = inlineBlock(request);
      const { id, name, token } = instance;
      return {
        success: true,
        message: "Instance created",
        instance: { id, name, token, status: "disconnected" },
        ...(block && { websocket: toWebsocketMessage(await configure(instance, block)) }),
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
