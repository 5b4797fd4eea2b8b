/** The secrets with which webhooks are signed, in the form of Standard Webhooks: `whsec_` and the key in base64. */

import { randomBytes } from "node:crypto";

const prefix = "whsec_";

/** Size of a key in bytes. The bounds are those of the specification. */
const [bytesMin, bytesMax, bytesGenerated] = [24, 64, 32];

export function generateWebhookSecret(): string {
  return prefix + randomBytes(bytesGenerated).toString("base64");
}

/** Returns what is wrong with a secret, as a sentence that does not show the secret. Undefined for a valid secret. */
export function webhookSecretProblem(text: string): string | undefined {
  if (!text.startsWith(prefix)) return `A secret begins with ${prefix}.`;
  const key = webhookSecretBytes(text);
  if (prefix + key.toString("base64") !== text) return `After ${prefix} a secret has base64 with its padding.`;
  if (key.length >= bytesMin && key.length <= bytesMax) return undefined;
  return `The key of a secret has ${bytesMin} to ${bytesMax} bytes before base64. This key has ${key.length}.`;
}

export function isWebhookSecret(text: string): boolean {
  return webhookSecretProblem(text) === undefined;
}

/** The key of a valid secret. */
export function webhookSecretBytes(secret: string): Buffer {
  return Buffer.from(secret.slice(prefix.length), "base64");
}
