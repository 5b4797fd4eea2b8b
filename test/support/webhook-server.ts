/** A server whose webhooks may go to this machine and come again soon, and instances with a webhook on it. */

import { expect } from "vitest";
import { type PublicServer, startPublicServer } from "./public-server.js";

/** Delays are counted in tenths by tests that wait for many attempts. */
export function startWebhookServer(
  env: Record<string, string> = {},
  reach?: (databaseUrl: string) => Promise<string>,
): Promise<PublicServer> {
  return startPublicServer({ WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8", WEBHOOK_RETRY_SECONDS: "1,1,1", ...env }, reach);
}

let made = 0;

/** A new instance with a webhook. */
export async function hookedInstance(server: PublicServer, url: string, webhook: object = {}): Promise<string> {
  const name = `hooked-${++made}`;
  await server.createInstance(name, `ti_${name}-token`);
  await setHook(server, name, { url, ...webhook });
  return name;
}

export async function setHook(server: PublicServer, instance: string, webhook: object): Promise<void> {
  const { status, text } = await server.call("POST", `/api/events/webhook/${instance}`, { enabled: true, ...webhook });
  expect(status, text).toBe(200);
}

/** Publishes an event, and expects the answer to be 200. */
export async function publish(
  server: PublicServer,
  instance: string,
  data: object,
  event = "message.status",
): Promise<{ id: string; webhooksStored?: boolean }> {
  const { status, text } = await server.call("POST", `/api/events/publish/${instance}`, { event, data });
  expect(status, text).toBe(200);
  return JSON.parse(text);
}

/** The `n` of the data of a frame. */
export function numberIn(body: Buffer): number {
  return JSON.parse(body.toString()).data.n;
}
