/** Why a text is not the JSON that was asked for, and where. */

/** The text is no JSON, nests too deep, or is not what the caller asked for. */
export class JsonError extends Error {
  /** The byte at which it was seen, from 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** What the text must be, and what is wrong with it. Nothing of the text is repeated. */
export function jsonRule(cause: unknown): string {
  const what = "must be a JSON object";
  return cause instanceof JsonError ? `${what}: ${cause.message} at byte ${cause.at}` : what;
}
