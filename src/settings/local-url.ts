/** Makes the URL by which a program on the same machine reaches a port. */

/**
 * Makes the URL of a port that listens on `host`, without a slash at the end. The addresses 0.0.0.0 and :: listen
 * everywhere, but nobody can connect to them, so the URL names localhost in place of them.
 */
export function localUrl(secure: boolean, host: string, port: number): string {
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return new URL(`${secure ? "https" : "http"}://${name}:${port}`).href.replace(/\/$/, "");
}
