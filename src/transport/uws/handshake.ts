/** Checks whether a request is a correct WebSocket handshake (RFC 6455, section 4.2.1). */

/**
 * The form of a `Sec-WebSocket-Key`: 16 bytes in base64. The 22nd character stands for only the last two bits of the
 * last byte, so its other four bits must be zero.
 */
const keyFormat = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * The headers of a WebSocket handshake. When a header stands twice, a comma joins its values (RFC 9110, section 5.3).
 */
export interface HandshakeHeaders {
  upgrade: string | undefined;
  connection: string | undefined;
  version: string | undefined;
  key: string | undefined;
}

/** Returns the `Sec-WebSocket-Key` of a correct handshake, or undefined when the handshake is not correct. */
export function handshakeKey({ upgrade, connection, version, key }: HandshakeHeaders): string | undefined {
  const trimmed = key?.trim();
  const proper =
    names(upgrade, "websocket") &&
    names(connection, "upgrade") &&
    version?.trim() === "13" &&
    trimmed !== undefined &&
    keyFormat.test(trimmed);
  return proper ? trimmed : undefined;
}

/** Whether a list of tokens, separated by commas, contains this token. Upper and lower case count as the same. */
function names(list: string | undefined, token: string): boolean {
  if (list === undefined) return false;
  const text = list.toLowerCase();
  return text === token || text.split(",").some((part) => part.trim() === token);
}
