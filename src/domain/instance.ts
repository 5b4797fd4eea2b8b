/** An instance, which is one phone number of an account, and the principals that may speak for it. */

export interface Instance {
  /** A UUID, never used twice. */
  readonly id: string;
  readonly accountId: string;
  /** Unique within the account, case-sensitive. */
  readonly name: string;
  /** The TokenInstance in clear. Every frame carries it. */
  readonly token: string;
}

/**
 * The account or instance that a token speaks for. It is the same object for as long as the token is valid, so holders
 * can compare by identity.
 */
export interface Principal {
  readonly kind: "account" | "instance";
  /** The id of the account or instance. Rate limits and log lines name it. It is never the token. */
  readonly id: string;
  readonly accountId: string;
  /** True once the token is revoked or its owner is deleted. */
  readonly revoked: boolean;
}
