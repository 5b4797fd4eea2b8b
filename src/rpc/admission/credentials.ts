/**
 * Finds the token of a caller: in the header `token`, else in `Authorization: Bearer`, else (upgrade only) in the
 * query.
 */

const bearer = /^bearer +([\x21-\x7e]+)$/i;

/** An empty value counts as absent. The first value that is present counts. */
export function tokenFrom(
  token: string | null | undefined,
  authorization: string | null | undefined,
  query?: string | null | undefined,
): string | undefined {
  return trimmed(token) || bearer.exec(trimmed(authorization))?.[1] || query || undefined;
}

/**
 * On machines where `char` is signed, uWebSockets removes these bytes from the ends of a header. So this code removes
 * them on every port and machine. A token that contains one of them is another token.
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
