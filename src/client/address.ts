/** The address of a connection: the URL of the gateway, the instance, and what the client asks for in the query. */

/**
 * Makes the `ws:` or `wss:` URL of an instance, or of all instances of an account. Throws a TypeError when `url` cannot
 * be the URL of a gateway.
 */
export function socketUrl(url: string | URL, instance: string | undefined): string {
  const { protocol, host, pathname, search, hash, username } = new URL(url);
  const scheme = { "http:": "ws:", "ws:": "ws:", "https:": "wss:", "wss:": "wss:" }[protocol];
  if (scheme === undefined || search !== "" || hash !== "" || username !== "")
    throw new TypeError("The url must be an http or https URL without user, query and fragment.");
  const path = pathname.replace(/\/+$/, "");
  return `${scheme}//${host}${path}/ws${instance === undefined ? "" : `/${encodeURIComponent(instance)}`}`;
}

export interface Query {
  readonly events: readonly string[];
  readonly after: string | undefined;
  readonly previous: string | undefined;
  readonly ticket: string | undefined;
}

/** Returns the URL at which the gateway gives out tickets for the instance or the account of a `ws:` URL. */
export function ticketUrl(url: string): string {
  return url.replace(/^ws/, "http").replace(/\/ws(\/[^/?]*)?(\?.*)?$/, "/api/events/ticket$1");
}

/** Adds a ticket to a `ws:` URL. */
export function withTicket(url: string, ticket: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}ticket=${encodeURIComponent(ticket)}`;
}

/** Adds the query. Spaces are percent-encoded, because the gateway reads a plus sign as a plus sign. */
export function withQuery(url: string, { events, after, previous, ticket }: Query): string {
  const pairs = Object.entries({ events: events.join(",") || undefined, after, previous, ticket });
  const query = pairs.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]));
  return query.length === 0 ? url : `${url}?${query.join("&")}`;
}
