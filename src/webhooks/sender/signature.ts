/** Signs requests as the Standard Webhooks specification says: HMAC-SHA256 over id, timestamp and body. */

import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { webhookSecretBytes } from "../../domain/webhook-secret.js";

/** Prepares a secret (`whsec_…`) for many signatures. */
export function toSigningKey(secret: string): KeyObject {
  return createSecretKey(webhookSecretBytes(secret));
}

/**
 * Returns the value of the header `webhook-signature`: one signature for each key, with a space between. A receiver
 * accepts the request when it knows one of the keys. So a secret can be replaced without a pause.
 */
export function signWebhook(
  keys: readonly KeyObject[],
  id: string,
  timestampSeconds: number,
  body: Uint8Array,
): string {
  const head = `${id}.${timestampSeconds}.`;
  return keys.map((key) => `v1,${createHmac("sha256", key).update(head).update(body).digest("base64")}`).join(" ");
}
