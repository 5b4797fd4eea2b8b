/** Documents of the public port: the same bytes for everybody, sent no faster than their client reads. */

import { AppError } from "../../domain/errors.js";
import type { Header } from "../cors.js";
import type { Exchange, Serve } from "./exchange.js";
import { ambiguity } from "./request.js";

export interface Document {
  readonly contentType: string;
  readonly body: Uint8Array;
  /** Of RFC 9110, section 8.8.3, with its quotes; the same on every node. */
  readonly etag: string;
}

/** By path, such as `/llms.txt`. There are no others, so that no path can lead out of them. */
export type Documents = ReadonlyMap<string, Document>;

/** Answers whose clients have not taken all yet: the kernel holds up to a whole document for each. */
const underWayMax = 64;
/** GET and HEAD by path, without a token. A client that has not taken a document by `deadlineMs` is cut: by the default one of 4 kB/s has. */
export function serveDocuments(documents: Documents, deadlineMs = 60_000): Map<string, Serve> {
  let underWay = 0;

  function serve(document: Document, exchange: Exchange, ifNoneMatch: string): void {
    const { head } = exchange;
    if (head.ambiguous) throw new AppError("INVALID_REQUEST", ambiguity);
    // To be asked about every time: what is kept for one origin must not be shown to another, nor the one of an older release.
    const headers: readonly Header[] = [
      ["ETag", document.etag],
      ["Cache-Control", "public, no-cache"],
    ];
    if (names(ifNoneMatch, document.etag)) exchange.answerEmpty(304, headers);
    else if (head.method === "HEAD") exchange.answer(200, "", headers, document.contentType);
    else if (underWay === underWayMax) throw new AppError("OVERLOADED", { retryAfterSeconds: 1 });
    // Only `end` ends the connection too. It copies what the kernel does not take.
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

/** RFC 9110, section 13.1.2: compared weakly, since a proxy that compresses weakens the tag. */
function names(ifNoneMatch: string, etag: string): boolean {
  return ifNoneMatch.split(",").some((tag) => tag.trim() === "*" || tag.trim().replace(/^W\//, "") === etag);
}
