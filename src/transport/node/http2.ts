/**
 * The HTTP/2 connections of the service port: their calls and their end. A connection is kept alive, cut when its peer
 * is dead or makes calls only to reset them, and asked to leave on shutdown.
 */

import {
  constants,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { Allowance } from "./allowance.js";
import type { Arrivals } from "./arrivals.js";
import type { Connection } from "./connections.js";
import type { ReceivedHeaders } from "./first-value.js";
import { callsMax, headerBytesMax, type ServiceLimits } from "./limits.js";
import type { ServeCall } from "./routes.js";

/** How much of a body a client without a valid token may send before it is read. */
const anonymousWindowBytes = 64 * 1024;
/** One batch of events in flight fits in, so its window needs no round trip. */
const streamWindowBytes = 2 ** 20;
const sessionWindowBytes = 4 * 2 ** 20;
/**
 * Node refuses new streams when a session takes more memory. An event may have 16 MiB, and several may be on their way.
 */
const sessionMegabytesMax = 128;

/** Most pings in a row that a peer may leave unanswered. One ping may fall into a pause of the peer. */
const unansweredMax = 2;

export interface Http2 {
  /** Takes over a connection that speaks HTTP/2. */
  add(socket: Socket, connection: Connection): void;
  /** Widens the windows of a connection that has shown a valid token. */
  authenticated(connection: Connection): void;
  /** Sends GOAWAY: streams in flight finish, and new ones are refused. */
  close(): void;
}

export interface Http2Options {
  readonly limits: ServiceLimits;
  readonly arrivals: Arrivals;
  readonly serve: ServeCall;
  /** Told of each connection that was ended for its resets. */
  readonly onResets: (address: string) => void;
}

interface Session {
  readonly http2: ServerHttp2Session;
  unanswered: number;
  /** When the last call ended, in milliseconds of `performance.now()`. */
  idleSince: number;
}

export function createHttp2({ limits, arrivals, serve, onResets }: Http2Options): Http2 {
  const sessions = new Map<Connection, Session>();

  function look(connection: Connection, session: Session): void {
    const { http2 } = session;
    if (http2.closed || http2.destroyed) return;
    if (session.unanswered >= unansweredMax) {
      http2.destroy();
      return;
    }
    if (
      !connection.authenticated &&
      connection.calls === 0 &&
      performance.now() - session.idleSince > limits.anonymousIdleMs
    ) {
      http2.close();
      return;
    }
    session.unanswered++;
    http2.ping((error) => {
      if (error === null) session.unanswered = 0;
    });
  }

  const timer = setInterval(() => {
    // This runs after the sockets were read, so a pause of this process does not look like a dead peer.
    setImmediate(() => {
      for (const [connection, session] of sessions) look(connection, session);
    });
  }, limits.pingIntervalMs);
  timer.unref();

  return {
    add(socket, connection) {
      const http2 = performServerHandshake(socket, {
        maxSessionMemory: sessionMegabytesMax,
        settings: {
          maxConcurrentStreams: callsMax,
          maxHeaderListSize: headerBytesMax,
          initialWindowSize: anonymousWindowBytes,
          enablePush: false,
        },
      });
      const session: Session = { http2, unanswered: 0, idleSince: performance.now() };
      const resets = new Allowance(limits.resets, limits.resetsPerSecond);
      sessions.set(connection, session);
      http2.on("error", () => http2.destroy());
      http2.once("close", () => sessions.delete(connection));
      // The last argument exists; only its type is missing.
      type Arrived = [stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, rawHeaders?: string[]];
      http2.on("stream", (...[stream, headers, , rawHeaders = []]: Arrived) => {
        connection.calls++;
        // Without a listener a reset would end the process.
        stream.on("error", () => {});
        stream.once("close", () => {
          connection.calls--;
          session.idleSince = performance.now();
          if (!stream.aborted || http2.destroyed || arrivals.isAuthenticated({ headers, rawHeaders }) || resets.take())
            return;
          http2.destroy(constants.NGHTTP2_ENHANCE_YOUR_CALM as unknown as Error);
          onResets(connection.address);
        });
        arrivals.add(connection, {
          headers,
          rawHeaders,
          gone: () => stream.closed || stream.destroyed,
          serve: (authenticated) => open(stream, { headers, rawHeaders }, authenticated),
          refuse: () => stream.close(constants.NGHTTP2_REFUSED_STREAM),
          whenClosed: (callback) => stream.once("close", callback),
        });
      });
    },

    authenticated(connection) {
      const http2 = sessions.get(connection)?.http2;
      if (http2 === undefined || http2.closed) return;
      http2.setLocalWindowSize(sessionWindowBytes);
      http2.settings({ initialWindowSize: streamWindowBytes });
    },

    close() {
      clearInterval(timer);
      for (const { http2 } of sessions.values()) http2.close();
    },
  };

  function open(stream: ServerHttp2Stream, received: ReceivedHeaders, authenticated: boolean): void {
    const { headers, rawHeaders } = received;
    const response = new Http2ServerResponse(stream);
    if (headers[":method"] === "CONNECT") {
      response.writeHead(405).end();
      return;
    }
    if (headers.expect === "100-continue") response.writeContinue();
    serve(new Http2ServerRequest(stream, headers, {}, rawHeaders), response, authenticated);
  }
}
