/** A sender of webhooks as tests use it: targets and messages of which only the part under test is written out. */

import { onTestFinished } from "vitest";
import {
  createWebhookSender,
  type SenderOptions,
  type WebhookMessage,
  type WebhookSender,
  type WebhookTarget,
} from "../../src/webhooks/sender/sender.js";

/** Ends with its test. Loopback addresses are allowed unless the test says otherwise. */
export function openSender(options: Partial<SenderOptions> = {}): WebhookSender {
  const sender = createWebhookSender({ version: "0.0.0", allowPrivate: ["127.0.0.0/8"], ...options });
  onTestFinished(() => sender.close());
  return sender;
}

export function target(url: string, other: Partial<WebhookTarget> = {}): WebhookTarget {
  return { url, byEvents: false, authorization: undefined, secrets: [], timeoutSeconds: 10, ...other };
}

export function message(other: Partial<WebhookMessage> = {}): WebhookMessage {
  const body = Buffer.from('{"event":"message.status","data":{}}');
  return { id: "0190a7c4-5d3e-7b2a-8c11-9d2f3a4b5c6d", type: "message.status", attempt: 1, body, ...other };
}
