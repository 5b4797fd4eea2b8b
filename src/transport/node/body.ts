/**
 * The body of a request to a Node.js server, as an async iterator. The iterator of Node.js reads through an async
 * generator and, over HTTP/2, through a second stream. For a stream of event batches that would cost more than
 * publishing the events.
 */

import type { IncomingMessage } from "node:http";
import type { Http2Stream } from "node:http2";
import type { BodyHold } from "../body-budget.js";
import { ByteQueue } from "../byte-queue.js";

/**
 * The body listens to its source only from the first `next` on. A request that is refused before that keeps its body
 * unread.
 */
export class NodeBody extends ByteQueue {
  readonly #source: IncomingMessage | Http2Stream;
  #listening = false;

  constructor(source: IncomingMessage | Http2Stream, hold?: BodyHold) {
    super(source, hold);
    this.#source = source;
  }

  override next(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#listening) this.#listen();
    return super.next();
  }

  #listen(): void {
    this.#listening = true;
    const source = this.#source;
    const brokeOff = (): void => {
      if (!source.readableEnded) this.fail(new Error("the body broke off"));
    };
    // An empty body ends even if nobody listens, so its `end` event may have passed already.
    if (source.readableEnded) this.end();
    if (source.destroyed) brokeOff();
    source.on("data", (chunk: Buffer) => this.push(chunk));
    source.once("end", () => this.end());
    source.once("error", (error: Error) => this.fail(error));
    source.once("close", brokeOff);
  }
}
