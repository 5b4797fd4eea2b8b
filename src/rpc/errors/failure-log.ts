/** The part of a failure's cause that goes into the log. */

export interface CauseDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
}

/** Only these fields are logged. Drivers put rows and parameters into their errors, and those can hold tokens. */
export function describeCause(error: unknown): CauseDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
  return { type: cause.name, message: cause.message, code, stack: cause.stack };
}
