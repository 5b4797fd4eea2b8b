/** The token in the query of an upgrade: browsers cannot set headers on a WebSocket. */

/**
 * The first value that is not empty. A plus sign stands for itself, because this is percent-encoding and not the
 * encoding of forms.
 */
export function queryToken(query: string): string | undefined {
  for (const pair of query.split("&")) {
    if (pair.startsWith("token=") && pair.length > "token=".length) return decoded(pair.slice("token=".length));
  }
  return undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
