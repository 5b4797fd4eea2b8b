/**
 * The HTTP/1.1 connections of the service port: passes on their calls, and limits how many requests a client may send
 * without waiting for the answers.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Arrivals } from "./arrivals.js";
import type { Connection } from "./connections.js";
import { headerBytesMax, type ServiceLimits } from "./limits.js";
import type { ServeCall } from "./routes.js";

/**
 * Most unanswered requests on one HTTP/1.1 connection. Hardly any client sends a second request before it has the first
 * answer.
 */
const pipelinedMax = 16;

export interface Http1 {
  /** Takes over a connection that speaks HTTP/1.1. */
  add(socket: Socket, connection: Connection): void;
  close(): void;
}

export function createHttp1(options: { limits: ServiceLimits; arrivals: Arrivals; serve: ServeCall }): Http1 {
  const { limits, arrivals, serve } = options;
  const connections = new WeakMap<Socket, Connection>();

  function take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = connections.get(socket);
    if (connection === undefined || socket.destroyed) return;
    if (connection.calls >= pipelinedMax) {
      socket.destroy();
      return;
    }
    connection.calls++;
    const whenClosed = (callback: () => void) => void response.once("close", callback);
    whenClosed(() => {
      connection.calls--;
    });
    arrivals.add(connection, {
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      gone: () => response.destroyed || socket.destroyed,
      serve: (authenticated) => serve(request, response, authenticated),
      refuse: () => socket.destroy(),
      whenClosed,
    });
  }

  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.ceil(limits.headersMs / 2),
      maxHeaderSize: headerBytesMax,
    },
    take,
  );
  server.on("clientError", (_, socket) => socket.destroy());
  // This server never listens: the port hands each connection to it. The event starts the timers for headers and
  // requests.
  server.emit("listening");

  return {
    add(socket, connection) {
      connections.set(socket, connection);
      server.emit("connection", socket);
    },
    close: () => void server.close(),
  };
}
