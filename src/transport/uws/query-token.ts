/**
 * Reads the token from the query of an upgrade. A browser sends the token there, because it cannot set headers for a
 * WebSocket.
 */

/**
 * Returns the first `token` in the query that is not empty. A plus sign stands for itself, because the query is
 * percent-encoded and not encoded like a form.
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
