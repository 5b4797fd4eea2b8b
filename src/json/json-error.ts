/** An error that says why a text is not the expected JSON, and at which byte. */

/** The text is no JSON, nests too deep, or is not what the caller asked for. */
export class JsonError extends Error {
  /** Offset of the byte at which the fault was seen, from 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** A sentence for the caller: the rule for the text, and the fault. It repeats nothing of the text. */
export function jsonRule(cause: unknown): string {
  const what = "must be a JSON object";
  return cause instanceof JsonError ? `${what}: ${cause.message} at byte ${cause.at}` : what;
}
