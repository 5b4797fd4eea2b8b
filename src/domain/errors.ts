/** The only errors that a client sees: each has a reason of the contract, which says its code, its status and its text. */

import { catalogue } from "../../gen/errors.js";

/** Why a call was refused or failed, as the contract names it. */
export type Reason = keyof typeof catalogue;

/** The canonical code, as Connect spells it. */
export type Code = (typeof catalogue)[Reason]["code"];

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** Values for the braces in the message. */
  readonly values?: Readonly<Record<string, string>>;
  /** The path of the field that is wrong, as the request spells it, such as `events[2]`. */
  readonly field?: string | undefined;
  /** The rule that the field broke, as one sentence. It never repeats what the caller sent. */
  readonly rule?: string | undefined;
  /**
   * When the caller may try again, in whole seconds from now. After a 429 or 503 without it: 1. That is right for a node
   * that ends too: after a balancer another node has the client by then. The end of its drain would keep the client away
   * for longer than needed, and bring all of them back in the same second.
   */
  readonly retryAfterSeconds?: number | undefined;
}

/** The only error whose text a client sees. Its `cause` is logged and never sent. */
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
    // The reason of a refusal tells where it was thrown. Collecting the stack would be its dearest part: 13 µs.
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

  /** Any other error becomes an internal error, so that the text of a library cannot leak. */
  static from(error: unknown): AppError {
    return error instanceof AppError ? error : new AppError("INTERNAL", { cause: error });
  }
}
