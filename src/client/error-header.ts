/** Reads an error of the gateway from an HTTP answer: the header `Eventwire-Error` and the envelope in the body. */

export interface HttpError {
  /** Name of the reason for programs, such as `INSTANCE_NOT_FOUND`. Undefined when another server answered. */
  readonly reason: string | undefined;
  /** The field and the rule that the field broke, as one sentence. Null when the message says everything. */
  readonly rule: string | null;
  /** The text of the error. Undefined when the body is not an envelope. */
  readonly message: string | undefined;
}

/** `header` is the value of `Eventwire-Error`, or null. */
export function readHttpError(header: string | null, body: string): HttpError {
  const [reason = ""] = header?.split(";") ?? [];
  const [field, rule] = ["field", "rule"].map((name) =>
    new RegExp(`; ${name}="((?:[^"\\\\]|\\\\.)*)"`).exec(header ?? "")?.[1]?.replace(/\\(.)/g, "$1"),
  );
  return {
    reason: reason || undefined,
    rule: rule === undefined ? null : [field, rule].filter(Boolean).join(" "),
    message: messageIn(body),
  };
}

function messageIn(body: string): string | undefined {
  try {
    const message: unknown = JSON.parse(body).error.message;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}
