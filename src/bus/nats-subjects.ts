/** The names of the subjects on NATS, after the prefix of the installation. The name of an instance's subject is its id. */

/** Carries the events of all instances of an account. */
export function accountName(accountId: string): string {
  return `account.${accountId}`;
}

/** Carries the id of an account that a node has begun to listen to. */
export const listeningName = "listening";

/** Each connection must be allowed to publish and to listen here before it counts. */
export const probeName = "probe.accounts";

/**
 * The probe of nodes of release 0.1.0 and later ones without subscriptions of accounts. Such a node listens to it for as long as
 * it is connected, and no other node does.
 */
export const olderProbeName = "probe";
