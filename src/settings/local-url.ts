/** The URL by which a port is reached from its own machine. */

/** An address such as 0.0.0.0 listens everywhere, but nobody can connect to it. */
export function localUrl(secure: boolean, host: string, port: number): string {
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return new URL(`${secure ? "https" : "http"}://${name}:${port}`).href.replace(/\/$/, "");
}
