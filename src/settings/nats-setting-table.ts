/**
 * The settings of NATS, by which nodes reach each other, and of what a node does while NATS is away. They are rows of
 * `setting-table.ts`.
 */

import { integer, natsServers, natsSubject, oneOf, readableFile, text } from "./setting-kinds.js";

export const natsSettingTable = {
  natsUrl: {
    env: "NATS_URL",
    kind: natsServers(),
    fallback: undefined,
    shown: "one node, alone",
    secret: true,
    meaning:
      "NATS servers that carry events between nodes on the same database, separated by commas, such as nats://a:4222 or tls://b:4222. Give all nodes the same NATS: a node that uses another NATS or none does not start beside them. Put user, password and token into the NATS_ settings and not into the URL. With TLS, write the host names of the certificates and not IP addresses.",
  },
  natsSubjectPrefix: {
    env: "NATS_SUBJECT_PREFIX",
    kind: natsSubject(),
    fallback: "eventwire",
    meaning:
      "First part of every NATS subject. Give all nodes on one database the same prefix. Give installations that share a NATS different prefixes.",
  },
  natsUser: {
    env: "NATS_USER",
    kind: text(),
    fallback: undefined,
    shown: "none",
    meaning: "User name at NATS. Set it together with NATS_PASSWORD.",
  },
  natsPassword: {
    env: "NATS_PASSWORD",
    kind: text(),
    fallback: undefined,
    shown: "none",
    secret: true,
    meaning: "Password at NATS.",
  },
  natsToken: {
    env: "NATS_TOKEN",
    kind: text(),
    fallback: undefined,
    shown: "none",
    secret: true,
    meaning: "Token at NATS.",
  },
  natsNkeyFile: {
    env: "NATS_NKEY_FILE",
    kind: readableFile(),
    fallback: undefined,
    shown: "none",
    meaning: "File with the seed of an NKey. It is read again for each connection.",
  },
  natsCredsFile: {
    env: "NATS_CREDS_FILE",
    kind: readableFile(),
    fallback: undefined,
    shown: "none",
    meaning: "Credentials file (JWT and seed) for NATS. It is read again for each connection.",
  },
  natsTlsCa: {
    env: "NATS_TLS_CA",
    kind: readableFile(),
    fallback: undefined,
    shown: "the authorities that Node.js trusts",
    meaning:
      "File with certificate authorities in PEM, against which the certificate of NATS is checked. Setting it switches TLS on.",
  },
  natsTlsCert: {
    env: "NATS_TLS_CERT",
    kind: readableFile(),
    fallback: undefined,
    shown: "none",
    meaning: "File with the certificate in PEM that this node shows to NATS. Set it together with NATS_TLS_KEY.",
  },
  natsTlsKey: {
    env: "NATS_TLS_KEY",
    kind: readableFile(),
    fallback: undefined,
    shown: "none",
    meaning: "File with the private key of NATS_TLS_CERT in PEM.",
  },
  historyReplicas: {
    env: "HISTORY_REPLICAS",
    kind: integer(1, 5),
    fallback: 1,
    unit: "servers",
    meaning:
      "On how many servers of the NATS cluster JetStream keeps the history. With 1, the history is lost with its server, and consumers are told so. With 3, one server of three may die. Nodes alone and workers without NATS_URL keep one copy.",
  },
  busOutage: {
    env: "BUS_OUTAGE",
    kind: oneOf(["accept", "refuse"]),
    fallback: "accept",
    meaning:
      "What publishing does while NATS is away. `accept`: the event goes only to the sockets of the called node (with WORKERS, of the called worker), and the answer says `otherNodesReached: false`. `refuse`: the answer is 503 and the event is not delivered. An event that was under way when NATS went away may be refused although sockets of this node got it.",
  },
} as const;
