/** Pings of HTTP/2 connections. Calls of one connection share a ping, because a connection may have few of them under way. */

import type { Http2Session } from "node:http2";

/** Who waits for the answer to the ping that is under way. */
const waiting = new WeakMap<Http2Session, (() => void)[]>();

/** Tells of the answer. Says nothing when none comes. */
export function pingSession(session: Http2Session | undefined, answered: () => void): void {
  if (session === undefined || session.destroyed || session.closed) return;
  const others = waiting.get(session);
  if (others !== undefined) {
    others.push(answered);
    return;
  }
  const all = [answered];
  waiting.set(session, all);
  session.ping((error) => {
    waiting.delete(session);
    if (error === null) for (const tell of all) tell();
  });
}
