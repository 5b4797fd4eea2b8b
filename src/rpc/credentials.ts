/** Where a caller's token stands: `token`, else `Authorization: Bearer`, else (upgrade only) the query. */

const bearer = /^bearer +(\S+) *$/i;

/** An empty value is absent; the first that is present counts. */
export function tokenFrom(
  token: string | null | undefined,
  authorization: string | null | undefined,
  query?: string | null | undefined,
): string | undefined {
  return token?.trim() || bearer.exec(authorization?.trim() ?? "")?.[1] || query || undefined;
}
