/** The error of an event that was not published, or whose outcome is unknown. */

export interface PublishErrorOptions {
  readonly rule?: string | null;
  readonly field?: string;
  readonly cause?: unknown;
}

/** A call of `publish` rejects with this error. */
export class PublishError extends Error {
  override readonly name = "PublishError";
  /**
   * Name of the reason for programs: a reason of the contract, such as `INSTANCE_NOT_FOUND`, or `UNREACHABLE`,
   * `CONNECTION_LOST`, `QUEUE_FULL` or `CLOSED`.
   */
  readonly reason: string;
  /**
   * `unknown` means that consumers may have got the event: the connection was lost before the answer, or the gateway
   * does not know what became of the event's idempotency key.
   */
  readonly outcome: "not published" | "unknown";
  /** The field that is wrong, as the contract spells it. Empty when the error is not about one field. */
  readonly field: string;
  /** The rule that was broken, as one sentence. Null when the message says everything. */
  readonly rule: string | null;

  constructor(
    reason: string,
    message: string,
    outcome: PublishError["outcome"],
    { rule = null, field = "", cause }: PublishErrorOptions = {},
  ) {
    super(rule === null ? message : `${message}: ${rule}`, { cause });
    this.reason = reason;
    this.outcome = outcome;
    this.field = field;
    this.rule = rule;
  }
}
