/** A real HTTP receiver of webhooks, and what it has received. */

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface Received {
  readonly method: string | undefined;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Receiver {
  readonly port: number;
  /** `http://127.0.0.1:…`, without a slash at the end. */
  readonly origin: string;
  readonly requests: readonly Received[];
  /** How many connections it has accepted so far. */
  readonly connections: number;
}

export interface ReceiverOptions {
  readonly host?: string;
  readonly port?: number;
  readonly tls?: ServerOptions;
}

/** Answers once a request has been read whole. */
export type Respond = (answer: ServerResponse, received: Received) => void;

/** Ends with its test. Answers 204 unless `respond` says otherwise. */
export async function startReceiver(
  respond: Respond = (answer) => answer.writeHead(204).end(),
  { host = "127.0.0.1", port = 0, tls }: ReceiverOptions = {},
): Promise<Receiver> {
  const requests: Received[] = [];
  let connections = 0;
  async function take(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method, url: path = "", headers } = request;
    const received = { method, path, headers, body: Buffer.concat(await request.toArray()) };
    requests.push(received);
    respond(answer, received);
  }
  function listener(request: IncomingMessage, answer: ServerResponse): void {
    // A client that goes away in the middle of its request has sent none.
    take(request, answer).catch(() => undefined);
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on("connection", () => {
    connections++;
  });
  server.listen(port, host);
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const taken = (server.address() as AddressInfo).port;
  return {
    port: taken,
    origin: `${tls === undefined ? "http" : "https"}://${host}:${taken}`,
    requests,
    get connections() {
      return connections;
    },
  };
}
