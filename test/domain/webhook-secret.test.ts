/** Which secrets a webhook may have. */

import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import {
  generateWebhookSecret,
  isWebhookSecret,
  webhookSecretBytes,
  webhookSecretProblem,
} from "../../src/domain/webhook-secret.js";

it("makes valid secrets of 32 random bytes, each another one", () => {
  const secrets = Array.from({ length: 100 }, generateWebhookSecret);
  expect(new Set(secrets).size).toBe(100);
  expect(secrets.every(isWebhookSecret)).toBe(true);
  expect(secrets.every((secret) => webhookSecretBytes(secret).length === 32)).toBe(true);
});

it.each([24, 25, 26, 63, 64])("takes a key of %d bytes, and gives it back", (size) => {
  const key = randomBytes(size);
  const secret = `whsec_${key.toString("base64")}`;
  expect(webhookSecretProblem(secret)).toBeUndefined();
  expect(webhookSecretBytes(secret)).toEqual(key);
});

const base64 = "After whsec_ a secret has base64 with its padding.";

it.each([
  ["", "A secret begins with whsec_."],
  ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "A secret begins with whsec_."],
  ["WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "A secret begins with whsec_."],
  ["whsec_", "The key of a secret has 24 to 64 bytes before base64. This key has 0."],
  [`whsec_${Buffer.alloc(23, 1).toString("base64")}`, /This key has 23\.$/],
  [`whsec_${Buffer.alloc(65, 1).toString("base64")}`, /This key has 65\.$/],
  [`whsec_${Buffer.alloc(25, 1).toString("base64").replace("==", "")}`, base64],
  [`whsec_${Buffer.alloc(24, 255).toString("base64url")}`, base64],
  ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ", base64],
  ["whsec_MfKQ9r8GKYqrTwjU PD8ILPZIo2LaLaSw", base64],
  ["whsec_!!!!", base64],
])("says what is wrong with %j", (text, problem) => {
  expect(webhookSecretProblem(text)).toMatch(problem);
  expect(isWebhookSecret(text)).toBe(false);
});
