/** Reads the answer to one request, as far as a delivery needs the answer, and tells once how the attempt ended. */

import type { Dispatcher } from "undici";
import { causeOfStatus, describeFailure, type Failure, timeoutFailure } from "./outcome.js";
import { readRetryAfter } from "./retry-after.js";

/** With more bytes in its body, an answer is read no further. */
const bodyMaxBytes = 16 * 1024;
/** How much of the body is kept as text. */
const headMaxBytes = 1024;

/** How an attempt ended: with an answer, or with a failure before there was an answer. */
export interface Ending extends Failure {
  readonly status: number | undefined;
  readonly head: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/**
 * The status decides about the delivery. So when the body does not end in time, or is cut off, the attempt ends with the
 * status that has arrived.
 */
export class Answer implements Dispatcher.DispatchHandler {
  readonly #timeoutSeconds: number;
  /** When the attempt has taken too long, on the clock of `performance.now()`. */
  readonly #until: number;
  readonly #done: (ending: Ending) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #ended = false;
  #status: number | undefined;
  #retryAfterMs: number | undefined;
  #bodyBytes = 0;
  #head: Buffer[] | undefined;
  #headBytes = 0;

  constructor(timeoutSeconds: number, done: (ending: Ending) => void) {
    this.#timeoutSeconds = timeoutSeconds;
    this.#until = performance.now() + timeoutSeconds * 1000;
    this.#done = done;
  }

  /** Ends the attempt from outside. An answer that has begun counts; otherwise the attempt ends with `failure`. */
  stop(failure: Failure): void {
    this.#end(failure);
    this.#controller?.abort(new Error(failure.sentence));
  }

  /** Ends the attempt if it has taken too long at `now`. */
  expire(now: number): void {
    if (now >= this.#until) this.stop(timeoutFailure(this.#timeoutSeconds));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // The attempt may have ended while the request waited for its connection.
    if (this.#ended) controller.abort(new Error("The attempt has ended."));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Record<string, unknown>): void {
    if (status < 200) return;
    this.#status = status;
    const after = headers["retry-after"];
    const value = Array.isArray(after) ? after[0] : after;
    if (typeof value === "string") this.#retryAfterMs = readRetryAfter(value, Date.now());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = headMaxBytes - this.#headBytes;
    // undici uses the memory of a chunk again, so the kept bytes are copied.
    if (room > 0) {
      this.#head ??= [];
      this.#head.push(Buffer.from(chunk.subarray(0, room)));
    }
    this.#headBytes = Math.min(this.#headBytes + chunk.length, headMaxBytes);
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes <= bodyMaxBytes) return;
    this.#end();
    controller.abort(new Error("The body is too long."));
  }

  onResponseEnd(): void {
    this.#end();
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: unknown): void {
    this.#end(this.#ended ? undefined : describeFailure(error));
  }

  #end(failure?: Failure): void {
    if (this.#ended) return;
    this.#ended = true;
    const status = this.#status;
    const head = this.#head && Buffer.concat(this.#head).toString();
    const answered = status === undefined ? undefined : { cause: causeOfStatus(status), sentence: "" };
    const { cause, sentence } = answered ?? failure ?? describeFailure(undefined);
    this.#done({ cause, sentence, status, head, retryAfterMs: this.#retryAfterMs });
  }
}
