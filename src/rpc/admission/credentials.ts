/**
 * Finds the token of a caller: in the header `token`, else in `Authorization: Bearer`, else (upgrade only) in the
 * query.
 */

const bearer = /^bearer +([\x21-\x7e]+)$/i;

/**
 * Returns the first token that is present: in the header `token`, then in `Authorization`, then in the query. An empty
 * value counts as absent.
 */
export function tokenFrom(
  token: string | null | undefined,
  authorization: string | null | undefined,
  query?: string | null | undefined,
): string | undefined {
  return trimmed(token) || bearer.exec(trimmed(authorization))?.[1] || query || undefined;
}

/**
 * Removes bytes that are not visible ASCII from both ends of a header value. On machines where `char` is signed,
 * uWebSockets removes these bytes itself. This function makes every port and machine do the same.
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
