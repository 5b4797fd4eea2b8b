/** An instance, which is one phone number of an account, and the principals that may speak for it. */

export interface Instance {
  /** The id of the instance: a UUID that no other instance ever gets. */
  readonly id: string;
  readonly accountId: string;
  /** The name of the instance. It is unique within the account. Upper and lower case count as different letters. */
  readonly name: string;
  /** The TokenInstance in clear. Plain frames contain it; frames of `eventwire.v1` do not. */
  readonly token: string;
}

/**
 * The account or instance that a token speaks for. A token has the same Principal object for as long as it is valid, so
 * code may compare principals by `===`.
 */
export interface Principal {
  readonly kind: "account" | "instance";
  /** The id of the account or instance. Rate limits and log lines use this id and never the token. */
  readonly id: string;
  readonly accountId: string;
  /** Whether the token has ended: the token was revoked, or its account or instance was deleted. */
  readonly revoked: boolean;
}
