/** Configures, starts and stops one process of nats-server. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Unprivileged } from "../machine/unprivileged.js";

export interface NatsProcessOptions {
  /** The path of the program nats-server. */
  readonly program: string;
  /** The directory for the files of this process. Whatever stands there before is removed. */
  readonly directory: string;
  /**
   * A name in the command line of the process. When Eventwire is killed, its next start finds the process by this name:
   * see `nats-orphans.ts`.
   */
  readonly name: string;
  /** Largest message that the server carries, in bytes. */
  readonly payloadBytesMax: number;
  /** Most bytes of the stream with the history. Undefined when no history is kept: then the server has no JetStream. */
  readonly historyBytesMax: number | undefined;
  readonly unprivileged: Unprivileged;
  readonly logger: Logger;
}

export interface NatsProcess {
  /** The URL of the server: a port on the loopback interface that was free at the start. */
  readonly url: string;
  /** The token that a client must show. The server refuses every connection without it. */
  readonly token: string;
  /** Resolves when the process has ended, to its exit code or to the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Stops the process with SIGTERM, and after five seconds with SIGKILL. Resolves when the process has ended. */
  stop(): Promise<void>;
}

const MiB = 1024 * 1024;
/**
 * Least limit on the bytes that wait in nats-server for one worker. Beyond its limit nats-server cuts the worker's
 * connection, and the worker misses events.
 */
const pendingBytesMin = 256 * MiB;
/** Room for the notes of the history, which are in a stream of their own, in bytes: some hundred for each connection and instance. */
const noteBytesMax = 256 * MiB;
const pollMs = 20;
const startMsMax = 10_000;
const stopMsMax = 5_000;

/**
 * Starts nats-server. Resolves when the server accepts connections. Rejects with one sentence when the server ends or
 * does not listen within ten seconds.
 */
export async function startNatsProcess(options: NatsProcessOptions): Promise<NatsProcess> {
  const { program, directory, name, unprivileged, logger } = options;
  const token = randomBytes(32).toString("hex");
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, "nats.conf"), configuration(token, options), { mode: 0o600 });
  unprivileged.own(directory);

  const args = ["--config", join(unprivileged.here(directory), "nats.conf"), "--name", name];
  const child = unprivileged.spawn(program, args, directory, ["ignore", "ignore", "pipe"]);
  let lastLine = "it said nothing";
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on("line", (line) => {
      lastLine = line;
      // Only errors are logged as warnings, because nats-server also warns of every max_payload above 8 MiB.
      if (/ \[(ERR|FTL)\] /.test(line)) logger.warn({ line }, "nats-server reports an error");
      else logger.debug({ line }, "nats-server says");
    });
  }
  const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  let failure: string | undefined;
  ended.then(
    (how) => {
      failure = `nats-server stopped at its start (${how}): ${lastLine}.`;
    },
    (error: Error) => {
      failure = `nats-server cannot be started: ${error.message}.`;
    },
  );

  async function stop(): Promise<void> {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      child.kill(signal);
      const late = new AbortController();
      await Promise.race([ended, delay(stopMsMax, undefined, { signal: late.signal }).catch(() => {})]);
      late.abort();
      if (child.exitCode !== null || child.signalCode !== null) return;
    }
  }

  for (let waited = 0; waited < startMsMax; waited += pollMs) {
    await delay(pollMs);
    if (failure !== undefined) throw new Error(failure);
    const url = readUrl(join(directory, `nats-server_${child.pid}.ports`));
    if (url !== undefined) return { url, token, ended, stop };
  }
  await stop();
  throw new Error(`nats-server did not listen within ${startMsMax / 1000} s: ${lastLine}.`);
}

/**
 * The text of the configuration file. A file is needed because `max_payload` has no flag, and because every user of the
 * machine could read a token among the arguments.
 */
function configuration(token: string, { payloadBytesMax, historyBytesMax }: NatsProcessOptions): string {
  return [
    // JetStream needs a directory even when it stores nothing there.
    ...(historyBytesMax === undefined
      ? []
      : [`jetstream { store_dir: ".", max_memory_store: ${historyBytesMax + noteBytesMax}, max_file_store: 0 }`]),
    "host: 127.0.0.1",
    "port: -1",
    'ports_file_dir: "."',
    `max_payload: ${payloadBytesMax}`,
    `max_pending: ${Math.max(pendingBytesMin, 2 * payloadBytesMax)}`,
    'write_deadline: "10s"',
    `authorization { token: "${token}" }`,
    "",
  ].join("\n");
}

/**
 * Reads the server's URL from the file in which nats-server says where it listens. Undefined while the file is missing
 * or incomplete.
 */
function readUrl(file: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, "utf8")) as { nats: [string] }).nats[0];
  } catch {
    return undefined;
  }
}
