/** Publishes one event over REST, for callers that can reach only the public port of the gateway. */

import { readHttpError } from "../error-header.js";
import { neverConnected } from "./network-error.js";
import { PublishError } from "./publish-error.js";
import type { Published } from "./publisher.js";

export interface RestPublication {
  /** The public port of the gateway. */
  readonly url: string;
  readonly token: string;
  readonly instance: string;
  readonly type: string;
  /** The data as JSON text, which must be valid. The text is sent unchanged. */
  readonly dataJson: string;
  readonly idempotencyKey?: string | undefined;
}

/** Rejects with a PublishError. */
export async function publishOverRest(publication: RestPublication): Promise<Published> {
  const { url, token, instance, type, dataJson, idempotencyKey } = publication;
  const target = `${url.replace(/\/$/, "")}/api/events/publish/${encodeURIComponent(instance)}`;
  let response: Response;
  let body: string;
  try {
    response = await fetch(target, {
      method: "POST",
      headers: {
        token,
        "content-type": "application/json",
        ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
      },
      body: `{"event":${JSON.stringify(type)},"data":${dataJson},"receipt":true}`,
    });
    body = await response.text();
  } catch (cause) {
    if (neverConnected(cause)) throw new PublishError("UNREACHABLE", "No connection", "not published", { cause });
    throw new PublishError("CONNECTION_LOST", "The connection was lost", "unknown", { cause });
  }
  if (response.ok) {
    const { id, sockets, position, webhooks, otherNodesReached = true, webhooksStored } = JSON.parse(body);
    const answer = { id, sockets, position, webhooks, otherNodesReached };
    return webhooksStored === false ? { ...answer, webhooksStored } : answer;
  }
  const { reason, rule, message } = readHttpError(response.headers.get("eventwire-error"), body);
  const outcome = reason === "OUTCOME_UNKNOWN" ? "unknown" : "not published";
  throw new PublishError(reason ?? "UNKNOWN", message ?? `HTTP status ${response.status}`, outcome, { rule });
}
