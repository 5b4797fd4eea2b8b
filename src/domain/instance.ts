/** An instance (one phone number of an account) and those who may speak for it. */

export interface Instance {
  /** A UUID, never used twice. */
  readonly id: string;
  readonly accountId: string;
  /** Unique within the account, case-sensitive. */
  readonly name: string;
  /** The TokenInstance in clear: every frame carries it. */
  readonly token: string;
}

/** Who a token speaks for. The same object for as long as the token is valid, so that holders can compare by identity. */
export interface Principal {
  readonly kind: "account" | "instance";
  /** The account's id, or the instance's: names the rate-limit windows and log lines. Never the token. */
  readonly id: string;
  readonly accountId: string;
  /** Set once, when the token is revoked or its owner is deleted. */
  readonly revoked: boolean;
}
