/** Fetches tickets over REST. */

export interface TicketAnswer {
  readonly status: number;
  readonly text: string;
  /** Empty when there is none. */
  readonly ticket: string;
}

/** Asks for a ticket with the token of an instance or an account. An empty `instance` means the whole account. */
export async function askTicket(
  url: string,
  token: string,
  instance: string,
  body: object = {},
): Promise<TicketAnswer> {
  const response = await fetch(`${url}/api/events/ticket${instance && `/${encodeURIComponent(instance)}`}`, {
    method: "POST",
    headers: { token, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, ticket: JSON.parse(text).ticket ?? "" };
}

/** A ticket. Fails when the gateway gives none. */
export async function fetchTicket(url: string, token: string, instance: string, body: object = {}): Promise<string> {
  const { ticket, text } = await askTicket(url, token, instance, body);
  if (ticket === "") throw new Error(`no ticket: ${text}`);
  return ticket;
}
