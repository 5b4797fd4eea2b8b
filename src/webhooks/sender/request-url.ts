/** Takes the URL of a webhook apart: where the connection goes, and what the request line says. */

import type { EventType } from "../../domain/event-type.js";

export interface RequestUrl {
  /** Scheme, host and port, as undici wants them. */
  readonly origin: string;
  /** The path as the URL standard writes it. */
  readonly path: string;
  /** The query with its question mark, byte for byte as configured. Empty without a query. */
  readonly query: string;
  /** The value of `Authorization` for the user and password in the URL. Undefined without them. */
  readonly basicAuthorization: string | undefined;
}

/** Returns undefined when the text is no absolute http or https URL. */
export function readRequestUrl(text: string): RequestUrl | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  const { origin, pathname, username, password } = url;
  return { origin, path: pathname, query: rawQuery(text), basicAuthorization: basicAuthorization(username, password) };
}

/**
 * Returns the target of the request line. With `type`, the path gets the event type as one more segment, and exactly
 * one `/` stands before the segment.
 */
export function requestTarget({ path, query }: RequestUrl, type: EventType | undefined): string {
  return type === undefined ? path + query : `${path.replace(/\/+$/, "")}/${type}${query}`;
}

/**
 * The class URL would percent-encode quotes and angle brackets in a query, so the query is cut out of the text. As the
 * class URL does, this function drops tabs and line breaks, and white space at the ends. A character that may not stand
 * in a request line is percent-encoded as UTF-8.
 */
function rawQuery(text: string): string {
  const [beforeFragment = ""] = text
    .replace(/^[\0- ]+|[\0- ]+$/g, "")
    .replace(/[\t\n\r]/g, "")
    .split("#", 1);
  const start = beforeFragment.indexOf("?");
  if (start === -1) return "";
  return beforeFragment.slice(start).replace(/[^!-~]+/g, percentEncode);
}

function percentEncode(text: string): string {
  return Buffer.from(text)
    .toString("hex")
    .replace(/../g, (byte) => `%${byte.toUpperCase()}`);
}

function basicAuthorization(username: string, password: string): string | undefined {
  if (username === "" && password === "") return undefined;
  return `Basic ${Buffer.from(`${percentDecode(username)}:${percentDecode(password)}`).toString("base64")}`;
}

/** A text with a percent sign that begins no escape, or with escapes that are no UTF-8, stays as it is. */
function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
