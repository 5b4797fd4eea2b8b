/** Reads the HTTP answer that refuses a handshake: the error of the gateway, or the status of a proxy. */

import type { IncomingMessage } from "node:http";
import { closeCatalogue } from "../../../gen/closes.js";
import { type LinkEnd, withoutCloseFrame } from "../link.js";
import { readHttpError } from "./error-header.js";

/** Most bytes of the body that are read. The gateway's own bodies are far shorter. */
const bodyMaxBytes = 65_536;
/** The statuses after which a later attempt may succeed. A reason of the gateway in the answer counts more. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Never rejects. A part of the answer that cannot be read is left out. */
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

/** Returns the time to wait, with up to a second more at random, so that clients do not all come back at once. */
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
    // The connection was lost within the body. The status says enough.
  }
  return Buffer.concat(chunks).toString();
}
