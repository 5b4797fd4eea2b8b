/**
 * The HTTP/2 connections of the service port. This file passes on their calls, pings the peers, and asks the peers to
 * leave on shutdown. It cuts a connection whose peer is dead, or whose client makes calls only to reset them.
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

/**
 * HTTP/2 window of a stream without a valid token, in bytes. The client may send that much of a body before the node
 * reads any of it.
 */
const anonymousWindowBytes = 64 * 1024;
/**
 * HTTP/2 window of a stream on a connection with a valid token, in bytes. A batch of events fits into the window, so
 * the producer sends it without waiting for a round trip.
 */
const streamWindowBytes = 2 ** 20;
/** HTTP/2 window of a whole connection with a valid token, in bytes. */
const sessionWindowBytes = 4 * 2 ** 20;
/**
 * Most memory of one HTTP/2 session, in megabytes. Above it, Node.js refuses new streams. An event may have 16 MiB, and
 * several events may be on their way.
 */
const sessionMegabytesMax = 128;

/**
 * How many pings in a row a peer may leave unanswered before its connection is cut. One ping may fall into a pause of
 * the peer.
 */
const unansweredMax = 2;

export interface Http2 {
  /** Takes over a connection that speaks HTTP/2. */
  add(socket: Socket, connection: Connection): void;
  /** Enlarges the HTTP/2 windows of a connection on which a call with a valid token has arrived. */
  authenticated(connection: Connection): void;
  /** Asks all peers to leave, with GOAWAY. Open streams finish, and new streams are refused. */
  close(): void;
}

export interface Http2Options {
  readonly limits: ServiceLimits;
  readonly arrivals: Arrivals;
  readonly serve: ServeCall;
  /** Called with the address of each connection that was ended because its client reset too many calls. */
  readonly onResets: (address: string) => void;
}

interface Session {
  readonly http2: ServerHttp2Session;
  unanswered: number;
  /**
   * When the last call of the session ended, in milliseconds of `performance.now()`. Before the first call: when the
   * session began.
   */
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
    // `setImmediate` runs after the sockets were read. So answers to pings that came during a pause of this process are
    // seen first, and no peer looks dead by mistake.
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
      // Node.js passes `rawHeaders` as the last argument, but its type declaration leaves it out.
      type Arrived = [stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, rawHeaders?: string[]];
      http2.on("stream", (...[stream, headers, , rawHeaders = []]: Arrived) => {
        connection.calls++;
        // Without this listener, the error of a reset stream would end the process.
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
