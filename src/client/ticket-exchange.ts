/** Exchanges a token for a ticket, for WebSockets that cannot send the token in a header. */

import { readRefusal } from "./http-refusal.js";
import { type LinkEnd, withoutCloseFrame } from "./link.js";

export type Exchanged = { readonly ticket: string } | { readonly end: LinkEnd };

/**
 * Fetches a ticket from this URL of the gateway, until `signal` is aborted. Never rejects: when there is no ticket,
 * returns why.
 */
export async function exchangeToken(url: string, token: string, signal: AbortSignal): Promise<Exchanged> {
  try {
    const headers = { token, "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: "{}", signal });
    const body = await response.text();
    if (response.ok) return { ticket: ticketIn(body) };
    const { status, statusText, headers: answered } = response;
    return { end: readRefusal({ status, statusText, body, header: (name) => answered.get(name) }) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    // A browser does not tell a page whether the network failed or the gateway does not allow the page's origin.
    const reason = `no ticket: ${why} (the gateway may be away, or may not allow the origin of this page)`;
    return { end: { code: withoutCloseFrame, reason, cause } };
  }
}

function ticketIn(body: string): string {
  const { ticket }: { ticket?: unknown } = JSON.parse(body);
  if (typeof ticket !== "string") throw new TypeError("the answer has no ticket");
  return ticket;
}
