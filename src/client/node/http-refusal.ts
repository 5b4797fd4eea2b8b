/** Reads why a handshake was refused over HTTP: from the gateway's error, or from a proxy's status. */

import type { IncomingMessage } from "node:http";
import { closeCatalogue } from "../../../gen/closes.js";
import { type LinkEnd, withoutCloseFrame } from "../link.js";
import { readHttpError } from "./error-header.js";

/** A longer body is not one of the gateway. */
const bodyMaxBytes = 65_536;
/** The statuses of gateways and proxies that a later attempt may not get. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Never rejects: what cannot be read is left out. */
export async function readRefusal(response: IncomingMessage): Promise<LinkEnd> {
  const { statusCode: status = 0, statusMessage = "", headers } = response;
  const header = headers["eventwire-error"];
  const said = readHttpError(header === undefined ? null : String(header), await bodyOf(response));
  const { reason = "UNKNOWN", rule, message = statusMessage } = said;
  const row = Object.values(closeCatalogue).find(({ refusals }) => (refusals as readonly string[]).includes(reason));
  const reconnect = row?.reconnect ?? passing.has(status);
  const retryAfterMs = reconnect ? waitMs(headers["retry-after"]) : 0;
  return {
    code: row?.code ?? withoutCloseFrame,
    reason: row?.reason ?? message,
    refused: { control: "refused", status, message, reconnect, retryAfterMs, reason, rule },
  };
}

/** Random, so that clients that were refused at once do not come back at once. */
function waitMs(retryAfter: string | undefined): number {
  const seconds = Number(retryAfter ?? 1);
  return Math.round((Number.isFinite(seconds) ? seconds : 1) * 1000 + Math.random() * 1000);
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += chunk.length;
      if (bytes > bodyMaxBytes) break;
      chunks.push(chunk);
    }
  } catch {
    // The connection broke within the body: the status says enough.
  }
  return Buffer.concat(chunks).toString();
}
