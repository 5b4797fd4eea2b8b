/**
 * A server that speaks `eventwire.v1` as a test tells it to, on the package `ws`. It shows what a client does. It gives a
 * ticket to everybody.
 */

import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";

/** One connection of a client. */
export interface ClientLink {
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  readonly socket: WebSocket;
  /** Sends frames, each as one message. */
  send(...frames: readonly object[]): void;
  /** The next message of the client that was not taken yet. */
  message(): Promise<unknown>;
  /** The code with which the client closes. */
  readonly closed: Promise<number>;
}

export interface ForeignGateway {
  readonly url: string;
  readonly port: number;
  /** The next connection that was not taken yet. */
  link(): Promise<ClientLink>;
  /** How many connections there were. */
  readonly links: number;
  /** Every request for a ticket: its method and path, and its token. The tickets are `tk_1`, `tk_2` and so on. */
  readonly ticketRequests: readonly (readonly [request: string, token: unknown])[];
}

export const time = "2026-11-29T13:20:00.000Z";

/** The `hello` of a gateway without history. */
export function helloFrame(members: object = {}): object {
  return {
    control: "hello",
    connection: "0b1c8f9e-6f0e-4a58-9d4c-0f7f3b9a1c11",
    instance: "desk-1",
    filter: { events: ["message.exchange"], mediaBase64: false },
    configurationVersion: 1,
    history: null,
    position: null,
    resumed: null,
    resumeRefusal: null,
    replayed: 0,
    heartbeatSeconds: 30,
    waitingFramesMax: 256,
    waitingBytesMax: 67_108_864,
    time,
    previous: null,
    ...members,
  };
}

export function eventFrame(n: number, members: object = {}): object {
  return {
    event: "message.exchange",
    id: `0198f0a2-0000-7000-8000-${String(n).padStart(12, "0")}`,
    time,
    data: { n },
    instanceData: { baseUrl: "http://localhost:8080", instance: "desk-1" },
    ...members,
  };
}

export function closingFrame(code: number, reason: string, members: object = {}): object {
  const none = { waitingFrames: 0, waitingBytes: 0, position: null };
  return { control: "closing", code, reason, reconnect: true, retryAfterMs: 0, ...none, ...members };
}

export async function startForeignGateway(): Promise<ForeignGateway> {
  const ticketRequests: [string, unknown][] = [];
  const http = createServer(({ method, url, headers }, response) => {
    ticketRequests.push([`${method} ${url}`, headers.token]);
    response.setHeader("Access-Control-Allow-Origin", "*").end(`{"ticket":"tk_${ticketRequests.length}"}`);
  });
  const server = new WebSocketServer({ server: http });
  await once(http.listen(0, "127.0.0.1"), "listening");
  const { port } = http.address() as AddressInfo;
  const arrivals = new EventEmitter();
  const waiting: ClientLink[] = [];
  let links = 0;
  server.on("connection", (socket, request) => {
    links++;
    waiting.push(createLink(socket, request));
    arrivals.emit("link");
  });
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate();
    http.closeAllConnections();
    http.close();
  });
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    ticketRequests,
    get links() {
      return links;
    },
    async link() {
      for (;;) {
        const link = waiting.shift();
        if (link !== undefined) return link;
        await once(arrivals, "link");
      }
    },
  };
}

function createLink(socket: WebSocket, request: IncomingMessage): ClientLink {
  const messages: unknown[] = [];
  socket.on("message", (text) => {
    messages.push(JSON.parse(text.toString()));
    socket.emit("parsed");
  });
  socket.on("error", () => {});
  return {
    request,
    query: new URL(request.url ?? "", "http://localhost").searchParams,
    socket,
    closed: once(socket, "close").then(([code]) => code),
    send: (...frames) => {
      for (const frame of frames) socket.send(JSON.stringify(frame));
    },
    async message() {
      while (messages.length === 0) await once(socket, "parsed");
      return messages.shift();
    },
  };
}
