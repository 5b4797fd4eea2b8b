/** Serves the documents of the public port. Everybody gets the same bytes, no faster than the client reads them. */

import { AppError } from "../../domain/errors.js";
import type { Header } from "../cors.js";
import type { Exchange, Serve } from "./exchange.js";
import { ambiguity } from "./request.js";

export interface Document {
  readonly contentType: string;
  readonly body: Uint8Array;
  /** The entity tag of the document, with its quotes (RFC 9110, section 8.8.3). Every node has the same tag. */
  readonly etag: string;
}

/** The documents by path, such as `/llms.txt`. Only these paths are served, so that no path can reach another file. */
export type Documents = ReadonlyMap<string, Document>;

/**
 * Most answers at one time whose client has not taken the whole document yet. The kernel may hold a whole document for
 * each of them.
 */
const underWayMax = 64;
/**
 * Makes the handlers of GET and HEAD for each path. They ask for no token. A client that has not taken the whole
 * document after `deadlineMs` is cut. With the default, a client that reads 4 kB a second is in time.
 */
export function serveDocuments(documents: Documents, deadlineMs = 60_000): Map<string, Serve> {
  let underWay = 0;

  function serve(document: Document, exchange: Exchange, ifNoneMatch: string): void {
    const { head } = exchange;
    if (head.ambiguous) throw new AppError("INVALID_REQUEST", ambiguity);
    // A cache must ask the node each time before it uses a copy. It must not show a copy for one origin to another
    // origin, nor a copy of an older release.
    const headers: readonly Header[] = [
      ["ETag", document.etag],
      ["Cache-Control", "public, no-cache"],
    ];
    if (names(ifNoneMatch, document.etag)) exchange.answerEmpty(304, headers);
    else if (head.method === "HEAD") exchange.answer(200, "", headers, document.contentType);
    else if (underWay === underWayMax) throw new AppError("OVERLOADED", { retryAfterSeconds: 1 });
    // Only `end` can also end the connection. `end` makes uWebSockets copy the bytes that the kernel does not take.
    else if (exchange.last) exchange.answer(200, document.body, headers, document.contentType);
    else send(document, exchange, headers);
  }

  function send({ body, contentType }: Document, exchange: Exchange, headers: readonly Header[]): void {
    const { res } = exchange;
    exchange.writeHead(200, headers, contentType);
    const [, sent] = res.tryEnd(body, body.length);
    if (sent) {
      exchange.finish(200);
      return;
    }
    underWay++;
    const deadline = setTimeout(() => res.close(), deadlineMs);
    const ended = (): void => {
      underWay--;
      clearTimeout(deadline);
    };
    exchange.onAborted(ended);
    res.onWritable((offset) => {
      const [taken, sent] = res.tryEnd(body.subarray(offset), body.length);
      if (sent) {
        ended();
        exchange.finish(200);
      }
      return taken;
    });
  }

  return new Map(
    [...documents].map(([path, document]) => [
      path,
      (exchange, req) => serve(document, exchange, req.getHeader("if-none-match")),
    ]),
  );
}

/**
 * Whether an `If-None-Match` header names this entity tag (RFC 9110, section 13.1.2). The comparison is weak, because a
 * proxy that compresses an answer makes its tag weak.
 */
function names(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
}
