/** The error for a text that is not the expected JSON. The error says what is wrong, and at which byte. */

/** Thrown when a text is not JSON, nests too deep, or is not the kind of value that the caller needs. */
export class JsonError extends Error {
  /** Offset of the byte at which the fault was seen, from 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/**
 * Describes the error to a client: the rule that the text must keep, and the fault if `cause` is a JsonError. The
 * description quotes nothing from the text.
 */
export function jsonRule(cause: unknown): string {
  const what = "must be a JSON object";
  return cause instanceof JsonError ? `${what}: ${cause.message} at byte ${cause.at}` : what;
}
