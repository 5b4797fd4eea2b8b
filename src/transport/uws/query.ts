/** Reads the query of an upgrade. A browser puts its token there, because it cannot set headers for a WebSocket. */

/**
 * Returns the values of a parameter that are not empty. A plus sign stands for itself, because the query is
 * percent-encoded and not encoded like a form. A value that cannot be decoded is returned as the client sent it.
 */
export function queryValues(query: string, name: string): string[] {
  const start = `${name}=`;
  // Most parameters are absent: then the query is not cut into pieces.
  if (!query.includes(start)) return [];
  const values: string[] = [];
  for (const pair of query.split("&")) {
    if (pair.startsWith(start) && pair.length > start.length) values.push(decoded(pair.slice(start.length)));
  }
  return values;
}

/** Returns the first value of a parameter that is not empty. */
export function queryValue(query: string, name: string): string | undefined {
  return queryValues(query, name)[0];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
