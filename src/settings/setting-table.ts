/**
 * Every setting of the service: its variable, default, unit, bounds and meaning. `docs/SETTINGS.md` is generated from
 * this table.
 */

import { memoryLimitBytes } from "../machine/memory-limit.js";
import { historySettingTable } from "./history-setting-table.js";
import { natsSettingTable } from "./nats-setting-table.js";
import {
  cores,
  encryptionKey,
  hostname,
  integer,
  levels,
  oneOf,
  origins,
  path,
  postgresUrl,
  publicUrl,
  readableFile,
  visibleToken,
} from "./setting-kinds.js";
import { webhookSettingTable } from "./webhook-setting-table.js";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/**
 * All settings of the service, in the order of the documentation. `fallback` is the value when the variable is unset or
 * empty.
 */
export const settingTable = {
  port: {
    env: "PORT",
    kind: integer(0, 65535),
    fallback: 8080,
    unit: "port",
    meaning:
      "Public port: REST, Connect, gRPC-Web, WebSocket upgrades and `/health`. 0 takes a free port; then set PUBLIC_URL too.",
  },
  grpcPort: {
    env: "GRPC_PORT",
    kind: integer(0, 65535),
    fallback: 9090,
    unit: "port",
    meaning:
      "Service port: gRPC, Connect, gRPC-Web, reflection, gRPC health and `/metrics`. It must differ from PORT. 0 takes a free port.",
  },
  host: {
    env: "HOST",
    kind: hostname(),
    fallback: "0.0.0.0",
    meaning: "Address that both ports listen on. GRPC_HOST gives the service port another address.",
  },
  grpcHost: {
    env: "GRPC_HOST",
    kind: hostname(),
    fallback: undefined,
    shown: "HOST",
    meaning: "Address that the service port listens on, for example the address of this machine in your own network.",
  },
  reflection: {
    env: "REFLECTION",
    kind: oneOf(["on", "off"]),
    fallback: "on",
    meaning:
      "Whether the service port answers gRPC reflection. Reflection shows the schema to anybody, without a token.",
  },
  docs: {
    env: "DOCS",
    kind: oneOf(["on", "off"]),
    fallback: "on",
    meaning:
      "Whether the public port serves its documents without a token: `/llms.txt`, `/llms-full.txt`, `/openapi.json`, `/asyncapi.json` and the pages under `/docs/`. These documents tell nothing of this installation except PUBLIC_URL.",
  },
  workers: {
    env: "WORKERS",
    kind: cores(1, 64),
    fallback: 1,
    unit: "processes",
    meaning:
      "Number of processes that share both ports and behave like one. `auto` starts one process per core. Each process takes up to 15 connections to the database, and 4 more with `RATE_LIMIT_SCOPE=cluster`. With more than one process, set NATS_URL, or install the program `nats-server` on the PATH; Eventwire then starts it.",
  },
  publicUrl: {
    env: "PUBLIC_URL",
    kind: publicUrl(),
    fallback: undefined,
    shown: "from HOST and PORT",
    meaning:
      "The URL by which clients reach the public port. Every frame has it as `instanceData.baseUrl`, and `/openapi.json` and `/asyncapi.json` name it as the server. A trailing slash is dropped.",
  },
  dataDir: {
    env: "DATA_DIR",
    kind: path(),
    fallback: "./data",
    meaning:
      "Directory of the embedded database, of the generated key file, and of the files of a `nats-server` that WORKERS starts. It is created when it is missing.",
  },
  databaseUrl: {
    env: "DATABASE_URL",
    kind: postgresUrl(),
    fallback: undefined,
    shown: "embedded database",
    secret: true,
    meaning: "URL of a PostgreSQL database, which Eventwire uses in place of the embedded database.",
  },
  ...natsSettingTable,
  accountToken: {
    env: "ACCOUNT_TOKEN",
    kind: visibleToken(8),
    fallback: undefined,
    shown: "generated, printed once",
    secret: true,
    meaning:
      "TokenAccount of the default account. The account is created when it is missing. A changed value replaces the token that the account had before.",
  },
  instanceTokenMinLength: {
    env: "INSTANCE_TOKEN_MIN_LENGTH",
    kind: integer(1, 128),
    fallback: 8,
    unit: "characters",
    meaning:
      "Length of the shortest token that may be chosen for a new instance. A short token can be guessed, and a guessed token opens the instance to a stranger. Existing instances keep their tokens.",
  },
  encryptionKey: {
    env: "ENCRYPTION_KEY",
    kind: encryptionKey(),
    fallback: undefined,
    shown: "key file in DATA_DIR",
    secret: true,
    meaning: "Key that encrypts the instance tokens in the database. Use the same key for every start on one database.",
  },
  newEncryptionKey: {
    env: "NEW_ENCRYPTION_KEY",
    kind: encryptionKey(),
    fallback: undefined,
    shown: "generated into the key file",
    secret: true,
    meaning:
      "New key, with which the command `key rotate` encrypts all instance tokens anew. Only that command reads this setting.",
  },
  allowedOrigins: {
    env: "ALLOWED_ORIGINS",
    kind: origins(),
    fallback: [] as readonly string[],
    shown: "none",
    meaning:
      "Origins of web pages that may call and connect. `https://*.example.net` allows every host with exactly one label in place of the star, and not `example.net` itself. Clients without an `Origin` header are always accepted.",
  },
  queryTokens: {
    env: "QUERY_TOKENS",
    kind: oneOf(["on", "off"]),
    fallback: "on",
    meaning:
      "Whether an upgrade may have its token in the query, as `?token=`. A URL with a token stays in logs and histories. `off`: such an upgrade is refused with 401, and web pages connect with a ticket.",
  },
  frameTokens: {
    env: "FRAME_TOKENS",
    kind: oneOf(["on", "off"]),
    fallback: "on",
    meaning:
      "Whether plain frames have the token of their instance as `instanceData.token`. `off`: the token in these frames is empty. The frames of `eventwire.v1` never have a token.",
  },
  rateLimitGlobal: {
    env: "RATE_LIMIT_GLOBAL",
    kind: integer(0, 1_000_000_000),
    fallback: 100,
    unit: "calls per minute",
    meaning: "Calls and upgrades with one token. 0 switches the limit off.",
  },
  rateLimitCreate: {
    env: "RATE_LIMIT_CREATE",
    kind: integer(0, 1_000_000_000),
    fallback: 20,
    unit: "calls per minute",
    meaning: "Creations of instances with one token. 0 switches the limit off.",
  },
  rateLimitPublish: {
    env: "RATE_LIMIT_PUBLISH",
    kind: integer(0, 1_000_000_000),
    fallback: 0,
    unit: "events per minute",
    meaning: "Events published with one token. 0 switches the limit off.",
  },
  rateLimitScope: {
    env: "RATE_LIMIT_SCOPE",
    kind: oneOf(["node", "cluster"]),
    fallback: "node",
    meaning:
      "Where calls are counted. `node`: each node counts for itself, and the workers of one machine count together. `cluster`: all nodes count together in PostgreSQL, which costs one statement per call. While the database is out of reach, each node counts for itself.",
  },
  accountInstanceQuota: {
    env: "ACCOUNT_INSTANCE_QUOTA",
    kind: integer(0, 1_000_000_000),
    fallback: 0,
    unit: "instances",
    meaning: "Number of instances that one account may have. 0 switches the limit off.",
  },
  publishMaxBytes: {
    env: "PUBLISH_MAX_BYTES",
    kind: integer(KiB, GiB / 4),
    fallback: 16 * MiB,
    unit: "bytes",
    meaning: "Largest body of one published event. A larger body is answered 413.",
  },
  requestBodiesMaxBytes: {
    env: "REQUEST_BODIES_MAX_BYTES",
    kind: integer(MiB, 1024 * GiB),
    fallback: Math.min(Math.max(Math.floor(memoryLimitBytes() / 8), 64 * MiB), 256 * MiB),
    unit: "bytes",
    shown: "an eighth of the memory, from 64 to 256 MiB",
    meaning:
      "Memory for the bodies of all requests under way, on both ports and for all workers together. A body that does not fit is answered 503 with `Retry-After`. The last eighth is kept for bodies up to 64 KiB. Each worker has room for at least two events of PUBLISH_MAX_BYTES.",
  },
  mediaMaxBytes: {
    env: "MEDIA_MAX_BYTES",
    kind: integer(0, GiB / 4),
    fallback: 8 * MiB,
    unit: "bytes",
    meaning: "Largest decoded media that a frame carries inline. Larger media is left out of the frame.",
  },
  socketPendingBytesMax: {
    env: "SOCKET_PENDING_BYTES_MAX",
    kind: integer(64 * KiB, 4 * GiB),
    fallback: 64 * MiB,
    unit: "bytes",
    meaning:
      "How many bytes of frames may wait for one slow socket. The socket is closed with 4008 when more bytes would wait.",
  },
  waitingFramesMaxBytes: {
    env: "WAITING_FRAMES_MAX_BYTES",
    kind: integer(MiB, 1024 * GiB),
    fallback: Math.min(Math.max(Math.floor(memoryLimitBytes() / 8), 64 * MiB), 256 * MiB),
    unit: "bytes",
    shown: "an eighth of the memory, from 64 to 256 MiB",
    meaning:
      "How many bytes of frames may wait for all slow sockets of all workers together. A frame that waits for many sockets counts once. With more, the sockets for which the most bytes wait are closed with 4008, one after the other.",
  },
  ...historySettingTable,
  idleTimeoutSeconds: {
    env: "IDLE_TIMEOUT_SECONDS",
    kind: integer(8, 56),
    fallback: 48,
    unit: "seconds",
    meaning:
      "A socket counts as dead after this long without a pong, a ping or a whole message from its client. The node sends pings early enough, so a healthy socket never reaches this time. A socket gets a second more for every 8 KiB that were sent to it before the ping, up to five minutes in all.",
  },
  closeGraceSeconds: {
    env: "CLOSE_GRACE_SECONDS",
    kind: integer(1, 600),
    fallback: 60,
    unit: "seconds",
    meaning:
      "A socket whose kernel buffers are full is cut when it takes no bytes for this long. A socket that is to be closed has the same time: its client sees the close code (4008, 4001, 4004) if it reads on. While the node stops the time is five seconds.",
  },
  http1StreamSeconds: {
    env: "HTTP1_STREAM_SECONDS",
    kind: integer(0, 2_000_000),
    fallback: 86_400,
    unit: "seconds",
    meaning:
      "Longest life of a Subscribe stream over HTTP/1.1, less a random tenth. HTTP/1.1 has no ping, so a node cannot see that such a client has gone while something in the network still takes its bytes. At the end the stream is closed with 1001, and a client that is there connects again. 0 means no limit.",
  },
  drainSeconds: {
    env: "DRAIN_SECONDS",
    kind: integer(0, 300),
    fallback: 10,
    unit: "seconds",
    meaning:
      "After SIGTERM the open sockets are closed evenly over this time, but at least ten a second. 0 closes all at once. Calls in flight get the rest of the time, and at least five seconds.",
  },
  ...webhookSettingTable,
  tlsCert: {
    env: "TLS_CERT",
    kind: readableFile(),
    fallback: undefined,
    shown: "no TLS",
    meaning:
      "File with the certificate chain in PEM, for both ports. Set it together with TLS_KEY. The file is read again within a minute after it changes, and at SIGHUP.",
  },
  tlsKey: {
    env: "TLS_KEY",
    kind: readableFile(),
    fallback: undefined,
    shown: "no TLS",
    meaning: "File with the private key in PEM, for both ports. Set it together with TLS_CERT.",
  },
  logLevel: {
    env: "LOG_LEVEL",
    kind: oneOf(levels),
    fallback: "info",
    meaning:
      "Lowest level of the log lines that are written to the standard error stream. At SIGHUP the level in the file `log-level` in DATA_DIR takes its place, if that file exists.",
  },
} as const;
