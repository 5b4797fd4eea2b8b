/**
 * An answer that goes on until its stream ends, and that nobody pulls: the transport hands over the client's stream, and frames
 * are written to it.
 */

import type { Writable } from "node:stream";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

export interface StreamedAnswer {
  /** To be sent with status 200, before anything is written to the sink. */
  readonly header: Headers;
  /** Call it once, when the header is sent or goes with the first bytes. With `text` everything is written in base64. */
  start(sink: AnswerSink, text?: boolean): void;
  /** Call it in place of `start` when the client has gone. */
  giveUp(): void;
}

/** The client's stream as its transport has it. */
export interface AnswerSink {
  /** Its `error` event is heard by the transport. */
  readonly writable: Writable;
  /** Asks the peer for a sign of life. */
  ping(answered: () => void): void;
  /** Writes the last bytes after everything that was written, then the trailer, and ends the stream. */
  finish(bytes: Uint8Array, trailer: Headers | undefined): void;
  /** Ends the stream at once. */
  cut(): void;
}

export type Answered = UniversalServerResponse | StreamedAnswer;

export function isStreamed(answered: Answered): answered is StreamedAnswer {
  return "start" in answered;
}
