/** WebsocketService: the channel configuration, proto ⇄ domain. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type SetWebsocketRequest,
  type WebsocketSchema,
  WebsocketService,
} from "../../gen/eventwire/v1/websocket_service_pb.js";
import type { Websocket } from "../domain/websocket.js";
import type { Websockets } from "../service/websockets.js";
import { instanceMethod, type Method } from "./method.js";

export function createWebsocketMethods({ websockets }: { websockets: Websockets }): Method[] {
  return [
    instanceMethod(WebsocketService.method.setWebsocket, async (request, instance) => ({
      success: true,
      message: "WebSocket configured successfully",
      websocket: toWebsocketMessage(await websockets.set(instance.id, toWebsocket(request))),
    })),

    instanceMethod(WebsocketService.method.getWebsocket, async (_, instance) => ({
      success: true,
      message: "WebSocket configuration retrieved",
      websocket: toWebsocketMessage(await websockets.get(instance.id)),
    })),
  ];
}

/** Takes a validated request: `enabled` is there and the events are known ones. */
export function toWebsocket({ enabled, events, mediaBase64 }: SetWebsocketRequest): Websocket {
  return { enabled: enabled === true, events, mediaBase64 };
}

export function toWebsocketMessage(websocket: Websocket): MessageInitShape<typeof WebsocketSchema> {
  return { ...websocket, events: [...websocket.events] };
}
