/** Reads the HTTP answer that refuses a handshake or a ticket: the error of the gateway, or the status of a proxy. */

import { closeCatalogue } from "../../gen/closes.js";
import { readHttpError } from "./error-header.js";
import { type LinkEnd, withoutCloseFrame } from "./link.js";

/** The statuses after which a later attempt may succeed. A reason of the gateway in the answer counts more. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

export interface HttpAnswer {
  readonly status: number;
  readonly statusText: string;
  /** The first 64 KiB of the body. The gateway's own bodies are far shorter. */
  readonly body: string;
  /** Returns a header by its name in lower case, or null. */
  header(name: string): string | null;
}

export function readRefusal({ status, statusText, body, header }: HttpAnswer): LinkEnd {
  const { reason = "UNKNOWN", rule, message = statusText } = readHttpError(header("eventwire-error"), body);
  const row = Object.values(closeCatalogue).find(({ refusals }) => (refusals as readonly string[]).includes(reason));
  const reconnect = row?.reconnect ?? passing.has(status);
  const retryAfterMs = reconnect ? waitMs(header("retry-after")) : 0;
  return {
    code: row?.code ?? withoutCloseFrame,
    reason: row?.reason ?? message,
    refused: { control: "refused", status, message, reconnect, retryAfterMs, reason, rule },
  };
}

/** Returns the time to wait, with up to a second more at random, so that clients do not all come back at once. */
function waitMs(retryAfter: string | null): number {
  const seconds = Number(retryAfter ?? 1);
  return Math.round((Number.isFinite(seconds) ? seconds : 1) * 1000 + Math.random() * 1000);
}
