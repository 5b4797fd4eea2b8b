/** A secret that is being replaced stays valid while the owner registers the webhook again. */

import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { until } from "../support/until.js";
import { hookedInstance, publish, setHook, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer();
});
afterAll(() => server?.close());

async function rotate(instance: string): Promise<string> {
  const { text } = await server.call("POST", `/api/events/webhook/${instance}/rotateSecret`, {});
  return JSON.parse(text).webhook.secret;
}

const newSecret = () => `whsec_${randomBytes(32).toString("base64")}`;

it.each([
  ["with `sign`", (_: string) => ({ sign: true }), 2],
  ["with the new secret", (current: string) => ({ secret: current }), 2],
  ["with another secret", () => ({ secret: newSecret() }), 1],
  ["without a signature", () => ({}), 0],
])("a registration %s leaves the signatures that it asks for", async (_, registration, signatures) => {
  const receiver = await startReceiver();
  const before = newSecret();
  const name = await hookedInstance(server, receiver.origin, { secret: before });
  const current = await rotate(name);
  await setHook(server, name, { url: receiver.origin, ...registration(current) });
  await publish(server, name, { n: 1 });
  await until(() => receiver.requests.length === 1);
  const { headers = {}, body = Buffer.alloc(0) } = receiver.requests[0] ?? {};
  const sent = String(headers["webhook-signature"] ?? "").split(" ");
  expect(sent.filter((one) => one !== "")).toHaveLength(signatures);
  if (signatures === 2)
    for (const secret of [before, current]) new Webhook(secret).verify(body, headers as Record<string, string>);
});
