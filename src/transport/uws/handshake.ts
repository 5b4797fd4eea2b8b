/** Whether a request is the WebSocket handshake of RFC 6455, section 4.2.1. */

/**
 * 16 bytes in base64. The last character stands for only four bits of the last byte, so its other two bits must be
 * zero.
 */
const keyFormat = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/**
 * The headers of the handshake. When a header stands twice, its values are joined by a comma, as RFC 9110, section 5.3,
 * says.
 */
export interface HandshakeHeaders {
  upgrade: string | undefined;
  connection: string | undefined;
  version: string | undefined;
  key: string | undefined;
}

/** The `Sec-WebSocket-Key` of a correct handshake, else undefined. */
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

/** Whether a list of tokens contains this token. */
function names(list: string | undefined, token: string): boolean {
  if (list === undefined) return false;
  const text = list.toLowerCase();
  return text === token || text.split(",").some((part) => part.trim() === token);
}
