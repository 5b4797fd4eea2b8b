/** The settings of the way to other nodes, rows of `setting-table.ts`. */

import { natsServers, natsSubject, oneOf, readableFile, text } from "./setting-kinds.js";

export const natsSettingTable = {
  natsUrl: {
    env: "NATS_URL",
    kind: natsServers(),
    fallback: undefined,
    shown: "one node, alone",
    secret: true,
    meaning:
      "NATS servers that carry events between nodes on the same database, comma-separated, such as nats://a:4222 or tls://b:4222. The same NATS for all nodes: one that does not share it is refused at its start. What they need to know stands in the NATS_ settings, not in the URL. With TLS, name servers as their certificates do, not by address.",
  },
  natsSubjectPrefix: {
    env: "NATS_SUBJECT_PREFIX",
    kind: natsSubject(),
    fallback: "eventwire",
    meaning:
      "First part of every subject. The same for all nodes on one database; installs that share a NATS need different ones.",
  },
  natsUser: {
    env: "NATS_USER",
    kind: text(),
    fallback: undefined,
    shown: "none",
    meaning: "User at NATS, together with NATS_PASSWORD.",
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
    meaning: "File with the seed of an NKey, read again for each connection.",
  },
  natsCredsFile: {
    env: "NATS_CREDS_FILE",
    kind: readableFile(),
    fallback: undefined,
    shown: "none",
    meaning: "Credentials file (JWT and seed) for NATS, read again for each connection.",
  },
  natsTlsCa: {
    env: "NATS_TLS_CA",
    kind: readableFile(),
    fallback: undefined,
    shown: "those of Node.js",
    meaning: "Certificate authorities in PEM that the certificate of NATS is checked against. Switches TLS on.",
  },
  natsTlsCert: {
    env: "NATS_TLS_CERT",
    kind: readableFile(),
    fallback: undefined,
    shown: "none",
    meaning: "Certificate in PEM that this node shows to NATS. Only together with NATS_TLS_KEY.",
  },
  natsTlsKey: {
    env: "NATS_TLS_KEY",
    kind: readableFile(),
    fallback: undefined,
    shown: "none",
    meaning: "Its private key in PEM.",
  },
  busOutage: {
    env: "BUS_OUTAGE",
    kind: oneOf(["accept", "refuse"]),
    fallback: "accept",
    meaning:
      "What publishing does while NATS is away: `accept` delivers to the sockets of this node (of the worker that is asked) and says `otherNodesReached: false` in the answer; `refuse` answers 503 and delivers nothing, except an event that was under way when it went: those sockets have it.",
  },
} as const;
