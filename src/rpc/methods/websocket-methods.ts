/** The methods of WebsocketService, which set and get the channel configuration of an instance. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type SetWebsocketRequest,
  type WebsocketSchema,
  WebsocketService,
} from "../../../gen/eventwire/v1/websocket_service_pb.js";
import type { Websocket } from "../../domain/websocket.js";
import type { Websockets } from "../../service/websockets.js";
import { doneBy, type OnChange } from "./control-change.js";
import { instanceMethod, type Method } from "./method.js";

export function createWebsocketMethods(options: { websockets: Websockets; onChange: OnChange }): Method[] {
  const { websockets, onChange } = options;
  return [
    instanceMethod(WebsocketService.method.setWebsocket, async (request, { id, name }, principal) => {
      const websocket = await websockets.set(id, toWebsocket(request));
      onChange({ what: "channel configured", instanceId: id, instance: name, websocket, ...doneBy(principal) });
      return {
        success: true,
        message: "WebSocket configured successfully",
        websocket: toWebsocketMessage(websocket),
      };
    }),

    instanceMethod(WebsocketService.method.getWebsocket, async (_, instance) => ({
      success: true,
      message: "WebSocket configuration retrieved",
      websocket: toWebsocketMessage(await websockets.get(instance.id)),
    })),
  ];
}

/**
 * Makes a channel configuration from a validated request, in which `enabled` is present and the events are known types.
 */
export function toWebsocket({ enabled, events, mediaBase64 }: SetWebsocketRequest): Websocket {
  return { enabled: enabled === true, events, mediaBase64 };
}

export function toWebsocketMessage(websocket: Websocket): MessageInitShape<typeof WebsocketSchema> {
  return { ...websocket, events: [...websocket.events] };
}
