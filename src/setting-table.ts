/** Every setting: its variable, default, unit, bounds and meaning. `docs/SETTINGS.md` is generated from this table. */

import { memoryLimitBytes } from "./memory-limit.js";
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

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** In the order of the documentation. `fallback` is what an unset or empty variable means. */
export const settingTable = {
  port: {
    env: "PORT",
    kind: integer(0, 65535),
    fallback: 8080,
    unit: "port",
    meaning:
      "Public port: REST, Connect, gRPC-Web, WebSocket upgrades and `/health`. 0 takes a free one; set PUBLIC_URL then.",
  },
  grpcPort: {
    env: "GRPC_PORT",
    kind: integer(0, 65535),
    fallback: 9090,
    unit: "port",
    meaning:
      "Service port: gRPC, Connect, gRPC-Web, reflection, gRPC health and `/metrics`. Differs from PORT; 0 takes a free one.",
  },
  host: {
    env: "HOST",
    kind: hostname(),
    fallback: "0.0.0.0",
    meaning: "Address that both ports listen on, the service port unless GRPC_HOST names another.",
  },
  grpcHost: {
    env: "GRPC_HOST",
    kind: hostname(),
    fallback: undefined,
    shown: "HOST",
    meaning: "Address that the service port listens on, such as the one of your own network.",
  },
  reflection: {
    env: "REFLECTION",
    kind: oneOf(["on", "off"]),
    fallback: "on",
    meaning: "Whether the service port answers gRPC reflection, which tells anyone the schema, without a token.",
  },
  workers: {
    env: "WORKERS",
    kind: cores(1, 64),
    fallback: 1,
    unit: "processes",
    meaning:
      "Processes that share both ports and behave like one: one per core, or `auto`. Each takes up to 13 connections of the database. More than one need NATS_URL, or the program `nats-server` on the PATH, which is then started.",
  },
  publicUrl: {
    env: "PUBLIC_URL",
    kind: publicUrl(),
    fallback: undefined,
    shown: "from HOST and PORT",
    meaning: "How clients reach the public port; `instanceData.baseUrl` of every frame. A trailing slash is dropped.",
  },
  dataDir: {
    env: "DATA_DIR",
    kind: path(),
    fallback: "./data",
    meaning:
      "Directory of the embedded database, of the generated key file, and of the files of a `nats-server` that WORKERS starts. Made when it is missing.",
  },
  databaseUrl: {
    env: "DATABASE_URL",
    kind: postgresUrl(),
    fallback: undefined,
    shown: "embedded database",
    secret: true,
    meaning: "PostgreSQL to use in place of the embedded one.",
  },
  ...natsSettingTable,
  accountToken: {
    env: "ACCOUNT_TOKEN",
    kind: visibleToken(),
    fallback: undefined,
    shown: "generated, printed once",
    secret: true,
    meaning:
      "TokenAccount of the default account, which is made when it is missing. Another value replaces the token it had.",
  },
  instanceTokenMinLength: {
    env: "INSTANCE_TOKEN_MIN_LENGTH",
    kind: integer(1, 128),
    fallback: 8,
    unit: "characters",
    meaning:
      "Shortest token that may be chosen for a new instance: one that can be guessed opens a foreign instance. Instances that exist keep theirs.",
  },
  encryptionKey: {
    env: "ENCRYPTION_KEY",
    kind: encryptionKey(),
    fallback: undefined,
    shown: "key file in DATA_DIR",
    secret: true,
    meaning: "Key that instance tokens are encrypted with in the database. The same for every start on one database.",
  },
  newEncryptionKey: {
    env: "NEW_ENCRYPTION_KEY",
    kind: encryptionKey(),
    fallback: undefined,
    shown: "generated into the key file",
    secret: true,
    meaning: "Key that `key rotate` encrypts all instance tokens with anew. Read by that command alone.",
  },
  allowedOrigins: {
    env: "ALLOWED_ORIGINS",
    kind: origins(),
    fallback: [] as readonly string[],
    shown: "none",
    meaning:
      "Browser origins that may call and connect. `https://*.example.net` is every host with one label more, not `example.net` itself. Clients without an `Origin` header are always accepted.",
  },
  rateLimitGlobal: {
    env: "RATE_LIMIT_GLOBAL",
    kind: integer(0, 1_000_000_000),
    fallback: 100,
    unit: "calls per minute",
    meaning: "Calls and upgrades of one token. 0 switches the limit off.",
  },
  rateLimitCreate: {
    env: "RATE_LIMIT_CREATE",
    kind: integer(0, 1_000_000_000),
    fallback: 20,
    unit: "calls per minute",
    meaning: "Instance creations of one token. 0 switches the limit off.",
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
      "Where calls are counted: `node`, by every node for itself, its workers together; `cluster`, for all nodes together in PostgreSQL. That costs a statement per call, and a database out of reach means every node for itself until it is back.",
  },
  accountInstanceQuota: {
    env: "ACCOUNT_INSTANCE_QUOTA",
    kind: integer(0, 1_000_000_000),
    fallback: 0,
    unit: "instances",
    meaning: "Instances that one account may have. 0 switches the limit off.",
  },
  publishMaxBytes: {
    env: "PUBLISH_MAX_BYTES",
    kind: integer(KiB, GiB / 4),
    fallback: 16 * MiB,
    unit: "bytes",
    meaning: "Largest body of one published event; a larger one is answered 413.",
  },
  requestBodiesMaxBytes: {
    env: "REQUEST_BODIES_MAX_BYTES",
    kind: integer(MiB, 1024 * GiB),
    fallback: Math.min(Math.max(Math.floor(memoryLimitBytes() / 8), 64 * MiB), 256 * MiB),
    unit: "bytes",
    shown: "an eighth of the memory, from 64 to 256 MiB",
    meaning:
      "Bodies of requests that are under way on both ports, of all workers together. What does not fit is answered 503 with `Retry-After`; the last eighth is for bodies up to 64 KiB. A worker never has less than two events of PUBLISH_MAX_BYTES.",
  },
  mediaMaxBytes: {
    env: "MEDIA_MAX_BYTES",
    kind: integer(0, GiB / 4),
    fallback: 8 * MiB,
    unit: "bytes",
    meaning: "Largest decoded media that a frame carries inline; larger media is left out of the frame.",
  },
  socketPendingBytesMax: {
    env: "SOCKET_PENDING_BYTES_MAX",
    kind: integer(64 * KiB, 4 * GiB),
    fallback: 64 * MiB,
    unit: "bytes",
    meaning: "Frames that may wait for one slow socket, in bytes; over it the socket is closed with 4008.",
  },
  waitingFramesMaxBytes: {
    env: "WAITING_FRAMES_MAX_BYTES",
    kind: integer(MiB, 1024 * GiB),
    fallback: Math.min(Math.max(Math.floor(memoryLimitBytes() / 8), 64 * MiB), 256 * MiB),
    unit: "bytes",
    shown: "an eighth of the memory, from 64 to 256 MiB",
    meaning:
      "Frames that may wait for all slow sockets together, of all workers together, in bytes; a frame that waits for many counts once. Over it the sockets for which the most waits are closed with 4008, one after the other.",
  },
  idleTimeoutSeconds: {
    env: "IDLE_TIMEOUT_SECONDS",
    kind: integer(8, 56),
    fallback: 48,
    unit: "seconds",
    meaning:
      "Silence after which a socket counts as dead: no pong, no ping, no whole message. Pings go out in time, so a healthy one never gets there. A reader gets a second more for every 8 KiB that were sent to it ahead of the ping, up to five minutes in all.",
  },
  closeGraceSeconds: {
    env: "CLOSE_GRACE_SECONDS",
    kind: integer(1, 600),
    fallback: 60,
    unit: "seconds",
    meaning:
      "How long a socket whose kernel buffers are full may take nothing before it is cut: also one that is to be closed, whose client sees the close code (4008, 4001, 4004) when it reads on in that time. Five seconds when the node stops.",
  },
  drainSeconds: {
    env: "DRAIN_SECONDS",
    kind: integer(0, 300),
    fallback: 10,
    unit: "seconds",
    meaning:
      "Over this time open sockets are closed after SIGTERM: evenly, but at least ten a second; 0 closes all at once. Calls in flight get the rest of it, and at least five seconds.",
  },
  tlsCert: {
    env: "TLS_CERT",
    kind: readableFile(),
    fallback: undefined,
    shown: "no TLS",
    meaning:
      "Certificate chain in PEM, for both ports. Only together with TLS_KEY. Read anew when the file changes, within a minute, and at SIGHUP.",
  },
  tlsKey: {
    env: "TLS_KEY",
    kind: readableFile(),
    fallback: undefined,
    shown: "no TLS",
    meaning: "Private key in PEM, for both ports. Only together with TLS_CERT.",
  },
  logLevel: {
    env: "LOG_LEVEL",
    kind: oneOf(levels),
    fallback: "info",
    meaning:
      "Least severe log lines that are written. They go to the standard error stream. SIGHUP puts the level of the file `log-level` in DATA_DIR in its place, if there is one.",
  },
} as const;
