/** Tells the errors of a failed attempt to connect from the errors of an open connection. */

/** The calls of the operating system that fail when an attempt to connect fails. */
const callsBeforeConnection = new Set(["connect", "getaddrinfo"]);
/** The codes of errors of a TLS handshake whose certificate was not accepted. */
const certificateCodes = /CERT|SIGNED|UNABLE_TO|ERR_TLS/;

/** Returns true when there was no connection when the error came about, so that nothing was sent. */
export function neverConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { syscall = "", code = "", cause } = error as NodeJS.ErrnoException;
  return callsBeforeConnection.has(syscall) || certificateCodes.test(String(code)) || neverConnected(cause);
}
