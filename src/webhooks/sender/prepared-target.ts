/** What the requests to one webhook have in common, made once: the URL in parts, the same headers, the keys. */

import type { KeyObject } from "node:crypto";
import { type RequestUrl, readRequestUrl } from "./request-url.js";
import type { WebhookMessage, WebhookTarget } from "./sender.js";
import { signWebhook, toSigningKey } from "./signature.js";

export interface PreparedTarget {
  readonly url: RequestUrl;
  /** Names and values in turn, as undici takes them. */
  readonly sameHeaders: readonly string[];
  readonly keys: readonly KeyObject[];
}

/** Throws when the URL is no absolute http or https URL. */
export function prepareTarget({ url: text, authorization, secrets }: WebhookTarget, userAgent: string): PreparedTarget {
  const url = readRequestUrl(text);
  if (url === undefined) throw new InvalidUrlError();
  const sameHeaders = ["content-type", "application/json", "user-agent", userAgent];
  const credentials = authorization ? toHeaderBytes(authorization) : url.basicAuthorization;
  if (credentials !== undefined) sameHeaders.push("authorization", credentials);
  return { url, sameHeaders, keys: secrets.map(toSigningKey) };
}

export function headersOf(target: PreparedTarget, message: WebhookMessage, timestampSeconds: number): string[] {
  const { id, attempt, body } = message;
  const headers = [...target.sameHeaders, "webhook-id", id, "webhook-timestamp", String(timestampSeconds)];
  headers.push("webhook-attempt", String(attempt));
  if (target.keys.length > 0) headers.push("webhook-signature", signWebhook(target.keys, id, timestampSeconds, body));
  return headers;
}

class InvalidUrlError extends Error {
  readonly code = "UND_ERR_INVALID_ARG";
}

/** The bytes of a header leave as one byte for each character. So a text outside ASCII leaves as its UTF-8 bytes. */
function toHeaderBytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}
