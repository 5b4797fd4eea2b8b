/** The parts of an error that go into the log. */

export interface CauseDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
}

/**
 * Describes the cause of an error for the log; an error without a cause is described itself. Other fields of an error
 * are not logged, because database drivers put rows and parameters into errors, and these can hold tokens.
 */
export function describeCause(error: unknown): CauseDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
  return { type: cause.name, message: cause.message, code, stack: cause.stack };
}
