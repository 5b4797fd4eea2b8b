/** Makes the URL by which a program on the same machine reaches a port. */

/**
 * Makes the URL of a port that listens on `host`. Nobody can connect to the addresses 0.0.0.0 and ::, which listen
 * everywhere, so the URL then names localhost.
 */
export function localUrl(secure: boolean, host: string, port: number): string {
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return new URL(`${secure ? "https" : "http"}://${name}:${port}`).href.replace(/\/$/, "");
}
