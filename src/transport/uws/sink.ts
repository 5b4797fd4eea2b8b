/** The answer of a call on the public port as a stream to which frames are written. */

import type { AnswerSink } from "../../rpc/protocols/streamed-answer.js";
import { WritableAnswer } from "../writable-answer.js";
import type { Exchange } from "./exchange.js";
import { endPieces, keepBlocked, offerHeld } from "./quirks.js";

/** `start` writes status and headers. They leave with the first bytes. */
export function openSink(exchange: Exchange, start: () => void): AnswerSink {
  const writable = new UwsAnswer(exchange, start);
  return {
    writable,
    ping: (answered) => writable.ping(answered),
    answersPings: false,
    finish: (bytes) => writable.finish(bytes),
    cut: () => void writable.destroy(),
  };
}

/** How often the answer of a client that does not read is kept from being cut, in milliseconds. */
const keepMs = 4_000;

class UwsAnswer extends WritableAnswer {
  readonly #exchange: Exchange;
  #start: (() => void) | undefined;
  /** To be called when the kernel takes bytes again. */
  #blocked: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(exchange: Exchange, start: () => void) {
    super();
    this.#exchange = exchange;
    this.#start = start;
    exchange.onAborted(() => this.destroy());
    exchange.res.onWritable(() => {
      this.#unblock();
      return true;
    });
  }

  protected send(pieces: readonly Buffer[], done: () => void): void {
    const { open, res } = this.#exchange;
    if (!open) return;
    let taken = true;
    res.cork(() => {
      this.#start?.();
      this.#start = undefined;
      for (const piece of pieces) taken = res.write(piece);
    });
    if (taken) {
      done();
      return;
    }
    this.#blocked = done;
    this.#timer = setInterval(() => {
      if (this.#exchange.open) keepBlocked(res);
    }, keepMs);
  }

  protected complete(): void {
    const { open, res } = this.#exchange;
    if (!open) return;
    res.cork(() => {
      this.#start?.();
      endPieces(res);
    });
    this.#exchange.finish(200);
  }

  protected abandon(): void {
    clearInterval(this.#timer);
    if (this.#exchange.open) this.#exchange.res.close();
  }

  /** Goes on in a turn of its own: what is written within a handler of uWebSockets may stay there for ever. */
  #unblock(): void {
    const done = this.#blocked;
    if (done === undefined) return;
    this.#blocked = undefined;
    clearInterval(this.#timer);
    setImmediate(() => {
      if (!this.#exchange.open) return;
      offerHeld(this.#exchange.res);
      done();
    });
  }
}
