/**
 * An answer that goes on until its stream ends. Nobody reads it piece by piece: the transport passes the client's
 * stream to `start`, and frames are then written to that stream.
 */

import type { Writable } from "node:stream";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

export interface StreamedAnswer {
  /** The headers of the answer. The transport sends them with the status 200, before or with the first bytes. */
  readonly header: Headers;
  /** Opens the stream, or ends it with an error. Call it once. With `text` all bytes are written in base64. */
  start(sink: AnswerSink, text?: boolean): void;
  /** Call it in place of `start` when the client has gone. Does nothing after `start`. */
  giveUp(): void;
}

/** The client's stream, as the transport provides it. */
export interface AnswerSink {
  /** The stream of Node.js to write to. The transport listens to its `error` event. */
  readonly writable: Writable;
  /** Asks the peer for a sign of life. Calls `answered` when the peer gives one. */
  ping(answered: () => void): void;
  /** Whether the peer itself answers a ping. Over HTTP/1.1, `answered` says only that the kernel took all bytes. */
  readonly answersPings: boolean;
  /** Writes these bytes after everything that was written, then the trailer if there is one, and ends the stream. */
  finish(bytes: Uint8Array, trailer: Headers | undefined): void;
  /** Ends the stream at once, without its end in the protocol. */
  cut(): void;
}

export type Answered = UniversalServerResponse | StreamedAnswer;

export function isStreamed(answered: Answered): answered is StreamedAnswer {
  return "start" in answered;
}
