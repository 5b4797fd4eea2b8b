/** The names of the subjects on NATS, after the prefix of the installation. The name of an instance's subject is its id. */

/** The subject of an account. The events of all its instances are sent here while a node listens to the account. */
export function accountName(accountId: string): string {
  return `account.${accountId}`;
}

/**
 * The subject on which a node tells all nodes that it has begun to listen to an account. The message is the id of the
 * account.
 */
export const listeningName = "listening";

/**
 * The subject on which a node tells all nodes of events that did not reach them. With the name of a node after a dot, it
 * is the subject on which this node alone gets the answers to its question.
 */
export const gapsName = "gaps";

/** The subject on which a node that was away asks all nodes for the gaps that they told meanwhile. */
export const gapsQuestionName = "gaps-question";

/**
 * A subject for testing permissions. Each new connection publishes and listens here. When NATS forbids that, the
 * connection is given up.
 */
export const probeName = "probe.accounts";

/**
 * The probe of nodes of release 0.1.0, and of later releases that know no subscriptions of accounts. Such a node
 * listens here for as long as it is connected. Newer nodes do not, so a listener shows that an older node is on the
 * bus.
 */
export const olderProbeName = "probe";
