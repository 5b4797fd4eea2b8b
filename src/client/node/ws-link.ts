/**
 * Links over the package `ws`, for Node.js. The package can send the token in a header, and shows the HTTP answer that
 * refuses a handshake.
 */

import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { readRefusal } from "../http-refusal.js";
import { type Dial, type LinkEnd, protocolName, withoutCloseFrame } from "../link.js";

/** Longest frame, in bytes. V8 has no longer strings. */
const frameMaxBytes = 2 ** 29 - 24;
/** Most bytes that are read of the body of a refusal. */
const bodyMaxBytes = 65_536;
/** How long the peer may take to answer our close frame, in milliseconds. */
const closeMaxMs = 2_000;

export const dialWs: Dial = ({ url, token }, listener) => {
  let over = false;
  let failure: Error | undefined;
  const socket = new WebSocket(url, protocolName, {
    headers: token === undefined ? {} : { token },
    perMessageDeflate: false,
    maxPayload: frameMaxBytes,
  });
  function end(how: LinkEnd): void {
    if (over) return;
    over = true;
    listener.ended(how);
  }

  socket.on("message", (data, isBinary) => {
    if (!over && !isBinary) listener.received(data.toString());
  });
  // After each error `ws` emits `close` too.
  socket.on("error", (error) => {
    failure ??= error;
  });
  socket.on("close", (code, reason) => {
    const lost = failure === undefined ? "the connection was lost" : messageOf(failure);
    end({ code, reason: reason.toString() || (code === withoutCloseFrame ? lost : ""), cause: failure });
  });
  socket.on("unexpected-response", (_, response: IncomingMessage) => {
    const { statusCode: status = 0, statusMessage: statusText = "", headers } = response;
    const header = (name: string): string | null => (headers[name] === undefined ? null : String(headers[name]));
    void bodyOf(response).then((body) => {
      socket.terminate();
      end(readRefusal({ status, statusText, body, header }));
    });
  });

  return {
    send: (text) => {
      if (!over && socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => {
      over = true;
      socket.close(1000);
      setTimeout(() => socket.terminate(), closeMaxMs).unref();
    },
    drop: () => {
      over = true;
      socket.terminate();
    },
  };
};

/** Returns the message of an error. The error of a host with several addresses has only a code. */
function messageOf(error: Error & { code?: string }): string {
  return error.message || error.code || "the connection failed";
}

/** Never rejects. A part of the body that cannot be read is left out. */
async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += chunk.length;
      if (bytes > bodyMaxBytes) break;
      chunks.push(chunk);
    }
  } catch {
    // The connection was lost within the body. The status says enough.
  }
  return Buffer.concat(chunks).toString();
}
