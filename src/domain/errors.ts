/**
 * The errors that a client can see. Each error has a reason from the contract, and the reason fixes its code, its HTTP
 * status and its text.
 */

import { catalogue } from "../../gen/errors.js";

/** The name in the contract for why a call was refused or failed. */
export type Reason = keyof typeof catalogue;

/** The canonical code of an error, spelled as Connect spells it, such as `not_found`. */
export type Code = (typeof catalogue)[Reason]["code"];

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** Values that replace placeholders in the message, by name: `limit` replaces `{limit}`. */
  readonly values?: Readonly<Record<string, string>>;
  /** The path of the field that is wrong, as the JSON of REST spells it, such as `events[2]`. */
  readonly field?: string | undefined;
  /** The rule that the field broke, as one sentence. The sentence never repeats text that the caller sent. */
  readonly rule?: string | undefined;
  /**
   * When the caller may try again, in whole seconds from now. Without this value an error with the status 429 or 503
   * says 1, and any other error says nothing. One second is also right while a node shuts down, because the balancer
   * then sends the client to another node. The end of the shutdown would be too late, and all clients would come back
   * in the same second.
   */
  readonly retryAfterSeconds?: number | undefined;
}

/**
 * An error whose text the client sees. No other class of error reaches a client. The `cause` is logged and never sent.
 */
export class AppError extends Error {
  readonly reason: Reason;
  readonly code: Code;
  readonly status: number;
  readonly field: string | undefined;
  readonly rule: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(reason: Reason, { cause, values, field, rule, retryAfterSeconds }: AppErrorOptions = {}) {
    const { code, status, message } = catalogue[reason];
    const framesMax = Error.stackTraceLimit;
    // A refusal (status below 500) collects no stack trace. That would take 13 µs, more than the rest of the error, and
    // the reason already shows where the error was thrown.
    if (status < 500) Error.stackTraceLimit = 0;
    super(
      message.replace(/\{(\w+)\}/g, (braces, name) => values?.[name] ?? braces),
      { cause },
    );
    Error.stackTraceLimit = framesMax;
    this.name = "AppError";
    this.reason = reason;
    this.code = code;
    this.status = status;
    this.field = field;
    this.rule = rule;
    this.retryAfterSeconds = retryAfterSeconds ?? (status === 429 || status === 503 ? 1 : undefined);
  }

  /** What the reason means and what helps against it, as docs/ERRORS.md says. A client does not get this text. */
  get meaning(): string {
    return catalogue[this.reason].meaning;
  }

  /**
   * Returns an AppError unchanged. Any other error becomes INTERNAL, so that a client never sees the text of a library.
   */
  static from(error: unknown): AppError {
    return error instanceof AppError ? error : new AppError("INTERNAL", { cause: error });
  }
}
