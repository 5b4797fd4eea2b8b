/** The HTTP/2 connections of the service port: kept alive, cut when the peer is dead, asked to leave on shutdown. */

import type { ServerHttp2Session } from "node:http2";

export interface Sessions {
  add(session: ServerHttp2Session): void;
  /** GOAWAY: streams in flight finish, new ones are refused. */
  close(): void;
}

/** Pings in a row that a peer may leave unanswered: one may fall into a pause of its own. */
const unansweredMax = 2;

export function createSessions({ pingIntervalMs }: { pingIntervalMs: number }): Sessions {
  /** Pings that are not answered. */
  const sessions = new Map<ServerHttp2Session, number>();

  function ping(session: ServerHttp2Session, unanswered: number): void {
    if (session.closed || session.destroyed) return;
    if (unanswered >= unansweredMax) {
      session.destroy();
      return;
    }
    sessions.set(session, unanswered + 1);
    session.ping((error) => {
      if (error === null && sessions.has(session)) sessions.set(session, 0);
    });
  }

  const timer = setInterval(() => {
    // Behind the reading of sockets: a pause of this process is not the fault of its peers.
    setImmediate(() => {
      for (const [session, unanswered] of sessions) ping(session, unanswered);
    });
  }, pingIntervalMs);
  timer.unref();

  return {
    add(session) {
      sessions.set(session, 0);
      session.on("error", () => session.destroy());
      session.once("close", () => sessions.delete(session));
    },
    close() {
      clearInterval(timer);
      for (const session of sessions.keys()) session.close();
    },
  };
}
