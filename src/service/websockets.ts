/** Sets and reads the channel configuration of an instance. */

import { AppError } from "../domain/errors.js";
import { type Websocket, websocketToSave } from "../domain/websocket.js";
import type { Store } from "../store/store.js";
import { failingAs } from "./failure.js";

export interface Websockets {
  /**
   * Replaces the configuration of an instance and returns the stored one. A disabled configuration is stored without
   * event types and without media. Rejects with INSTANCE_NOT_FOUND when the instance does not exist any more, or with
   * SET_WEBSOCKET_FAILED.
   */
  set(instanceId: string, asked: Websocket): Promise<Websocket>;
  /**
   * Reads the configuration of an instance from the database. Rejects with WEBSOCKET_NOT_CONFIGURED when there is none,
   * or with GET_WEBSOCKET_FAILED.
   */
  get(instanceId: string): Promise<Websocket>;
}

export function createWebsockets({ store }: { store: Store }): Websockets {
  return {
    set: (instanceId, asked) =>
      failingAs("SET_WEBSOCKET_FAILED", store.setWebsocket(instanceId, websocketToSave(asked))),

    async get(instanceId) {
      const websocket = await failingAs("GET_WEBSOCKET_FAILED", store.getWebsocket(instanceId));
      if (websocket === undefined) throw new AppError("WEBSOCKET_NOT_CONFIGURED");
      return websocket;
    },
  };
}
