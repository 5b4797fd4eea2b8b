/** Whether a request is the WebSocket handshake of RFC 6455, section 4.2.1. */

import type { HttpRequest } from "./uws.js";

/** 16 bytes in base64: the last digit stands for four bits of the last byte, so its other two are zero. */
const keyFormat = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** The `Sec-WebSocket-Key` of a proper handshake, else undefined. To be read while uWebSockets owns the request. */
export function handshakeKey(req: HttpRequest): string | undefined {
  const upgrade: string[] = [];
  const connection: string[] = [];
  const versions: string[] = [];
  const keys: string[] = [];
  req.forEach((name, value) => {
    if (name === "upgrade") upgrade.push(...tokens(value));
    else if (name === "connection") connection.push(...tokens(value));
    else if (name === "sec-websocket-version") versions.push(value.trim());
    else if (name === "sec-websocket-key") keys.push(value.trim());
  });
  const [key, ...furtherKeys] = keys;
  const proper =
    upgrade.includes("websocket") &&
    connection.includes("upgrade") &&
    versions.join() === "13" &&
    furtherKeys.length === 0 &&
    key !== undefined &&
    keyFormat.test(key);
  return proper ? key : undefined;
}

function tokens(value: string): string[] {
  return value.split(",").map((token) => token.trim().toLowerCase());
}
