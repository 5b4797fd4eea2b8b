/** The HTTP/2 connections of the service port: kept alive, cut when the peer is dead, asked to leave on shutdown. */

import type { ServerHttp2Session } from "node:http2";

export interface Sessions {
  add(session: ServerHttp2Session): void;
  /** GOAWAY: streams in flight finish, new ones are refused. */
  close(): void;
}

export function createSessions({ pingIntervalMs }: { pingIntervalMs: number }): Sessions {
  /** Whether a ping is on its way. */
  const sessions = new Map<ServerHttp2Session, boolean>();

  /** A peer that has not answered since the last round is gone, and so are its streams. */
  function ping(session: ServerHttp2Session, waiting: boolean): void {
    if (waiting) {
      session.destroy();
      return;
    }
    sessions.set(session, true);
    session.ping((error) => {
      if (error === null && sessions.has(session)) sessions.set(session, false);
    });
  }

  const timer = setInterval(() => {
    for (const [session, waiting] of sessions) if (!session.closed && !session.destroyed) ping(session, waiting);
  }, pingIntervalMs);
  timer.unref();

  return {
    add(session) {
      sessions.set(session, false);
      session.on("error", () => session.destroy());
      session.once("close", () => sessions.delete(session));
    },
    close() {
      clearInterval(timer);
      for (const session of sessions.keys()) session.close();
    },
  };
}
