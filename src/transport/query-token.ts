/** The token in the query of an upgrade: browsers can not set headers on a WebSocket. */

/** The first one that is not empty. A plus sign is itself: this is percent-encoding, not a form. */
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
