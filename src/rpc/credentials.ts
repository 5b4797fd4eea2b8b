/** Where a caller's token stands: `token`, else `Authorization: Bearer`, else (upgrade only) the query. */

const bearer = /^bearer +([\x21-\x7e]+)$/i;

/** An empty value is absent; the first that is present counts. */
export function tokenFrom(
  token: string | null | undefined,
  authorization: string | null | undefined,
  query?: string | null | undefined,
): string | undefined {
  return trimmed(token) || bearer.exec(trimmed(authorization))?.[1] || query || undefined;
}

/**
 * uWebSockets cuts these bytes off the ends of a header before anybody sees it, where `char` is signed; so that is what
 * a header is on every port and machine. Within a token they make it another one.
 */
function trimmed(value: string | null | undefined): string {
  if (!value) return "";
  let start = 0;
  let end = value.length;
  while (start < end && !isVisibleAscii(value.charCodeAt(start))) start++;
  while (start < end && !isVisibleAscii(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isVisibleAscii(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}
