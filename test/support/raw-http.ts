/** HTTP/1.1 byte by byte, for requests that no decent client sends. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawResponse {
  readonly status: number;
  /** Lower-case names; of a name that stands twice, both values in order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

export interface RawConnection {
  readonly socket: Socket;
  /** Resolves when the kernel has taken it. */
  send(bytes: string | Uint8Array): Promise<void>;
  /** The next answer; undefined when the server closes instead. */
  response(): Promise<RawResponse | undefined>;
  /** What has come after the answers that were read, once the server has closed. */
  ended(): Promise<string>;
  destroy(): void;
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  let received = Buffer.alloc(0);
  let closed = false;
  let wake: (() => void) | undefined;
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
    wake?.();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
    wake?.();
  });
  await once(socket, "connect");

  async function more(): Promise<boolean> {
    if (closed) return false;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    return true;
  }

  async function head(): Promise<string | undefined> {
    for (;;) {
      const end = received.indexOf("\r\n\r\n");
      if (end >= 0) {
        const text = received.toString("latin1", 0, end);
        received = received.subarray(end + 4);
        return text;
      }
      if (!(await more())) return undefined;
    }
  }

  return {
    socket,
    send: (bytes) => new Promise((resolve) => socket.write(bytes, () => resolve())),
    async response() {
      const text = await head();
      if (text === undefined) return undefined;
      const [statusLine = "", ...lines] = text.split("\r\n");
      const headers = new Map<string, string[]>();
      for (const line of lines) {
        const [, name = "", value = ""] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
        headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
      }
      const length = Number(headers.get("content-length")?.[0] ?? 0);
      while (received.length < length) if (!(await more())) break;
      const body = received.toString("utf8", 0, length);
      received = received.subarray(length);
      return { status: Number(statusLine.split(" ")[1]), headers, body };
    },
    async ended() {
      while (await more());
      return received.toString("latin1");
    },
    destroy: () => socket.destroy(),
  };
}

/** One request on a connection of its own. */
export async function sendRaw(port: number, ...parts: (string | Uint8Array)[]): Promise<RawResponse | undefined> {
  const connection = await openRaw(port);
  try {
    for (const part of parts) await connection.send(part);
    return await connection.response();
  } finally {
    connection.destroy();
  }
}

/** The head of a request, with `Host` unless `lines` has one. */
export function requestHead(requestLine: string, ...lines: string[]): string {
  const host = lines.some((line) => /^host:/i.test(line)) ? [] : ["Host: gateway"];
  return [`${requestLine} HTTP/1.1`, ...host, ...lines, "", ""].join("\r\n");
}

/** The head of a proper WebSocket handshake. */
export function upgradeHead(path: string, ...lines: string[]): string {
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  return requestHead(
    `GET ${path}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    key,
    ...lines,
  );
}

/** A whole JSON request. */
export function jsonRequest(requestLine: string, body: string | Uint8Array, ...lines: string[]): Buffer {
  const bytes = Buffer.from(body as string);
  const type = lines.some((line) => /^content-type:/i.test(line)) ? [] : ["Content-Type: application/json"];
  return Buffer.concat([
    Buffer.from(requestHead(requestLine, ...type, `Content-Length: ${bytes.length}`, ...lines)),
    bytes,
  ]);
}
