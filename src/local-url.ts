/** How a port is reached from its own machine. */

/** An address that listens everywhere is no address to connect to. */
export function localUrl(secure: boolean, host: string, port: number): string {
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return new URL(`${secure ? "https" : "http"}://${name}:${port}`).href.replace(/\/$/, "");
}
