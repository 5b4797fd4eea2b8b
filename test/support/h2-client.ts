/** HTTP/2 with prior knowledge, stream by stream, for requests that no RPC client sends. */

import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";

export interface H2Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders;
  /** The HTTP/2 error code with which the stream was closed; 0 means none. */
  readonly resetCode: number;
}

export interface H2Stream {
  write(bytes: Uint8Array): void;
  end(bytes?: Uint8Array): void;
  reset(code: number): void;
  headers(): Promise<IncomingHttpHeaders>;
  /** Resolves when the server has closed the connection. */
  done(): Promise<H2Answer>;
}

export interface H2Client {
  readonly session: ClientHttp2Session;
  request(headers: Record<string, string>): H2Stream;
  post(path: string, headers: Record<string, string>): H2Stream;
  close(): void;
  /** Cuts the connection. */
  destroy(): void;
}

export async function openH2(port: number): Promise<H2Client> {
  const session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 256 });
  session.on("error", () => {});
  await once(session, "connect");

  function request(headers: Record<string, string>): H2Stream {
    const stream = session.request(headers, { endStream: false });
    const chunks: Buffer[] = [];
    let received: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("trailers", (block: IncomingHttpHeaders) => {
      trailers = block;
    });
    const answered = once(stream, "response").then(([block]) => {
      received = block as IncomingHttpHeaders;
      return received;
    });
    answered.catch(() => {});
    // Not `once`: it would reject for a stream that is reset.
    const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
    return {
      write: (bytes) => void stream.write(bytes),
      end: (bytes) => void stream.end(bytes),
      reset: (code) => stream.close(code),
      headers: () => answered,
      async done() {
        await closed;
        return { headers: received, body: Buffer.concat(chunks), trailers, resetCode: stream.rstCode };
      },
    };
  }

  return {
    session,
    request,
    post: (path, headers) => request({ ":method": "POST", ":path": path, ...headers }),
    close: () => session.close(),
    destroy: () => session.destroy(),
  };
}
