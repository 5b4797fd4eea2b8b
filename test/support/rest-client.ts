/** A consumer and producer of a running server, over REST and `ws`. */

import { once } from "node:events";
import { WebSocket } from "ws";

export interface RestClient {
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Makes an instance with its channel on, and opens a socket on it. */
  openChannel(instance: string): Promise<WebSocket>;
}

export function createRestClient(url: string, token: string): RestClient {
  async function call(method: string, path: string, body?: unknown) {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { token, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  return {
    call,
    async openChannel(instance) {
      await call("POST", "/api/instance/new", { name: instance, websocketEnabled: true });
      const socket = new WebSocket(`${url.replace("http", "ws")}/ws/${instance}?token=${token}`);
      await once(socket, "open");
      return socket;
    },
  };
}
