/** Tells errors by which no connection came about from errors of a connection. */

/** What the system was doing when it failed. */
const callsBeforeConnection = new Set(["connect", "getaddrinfo"]);
/** Codes of a TLS handshake that failed over the certificate. */
const certificateCodes = /CERT|SIGNED|UNABLE_TO|ERR_TLS/;

/** Whether the peer cannot have got anything, because there was no connection yet. */
export function neverConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { syscall = "", code = "", cause } = error as NodeJS.ErrnoException;
  return callsBeforeConnection.has(syscall) || certificateCodes.test(String(code)) || neverConnected(cause);
}
