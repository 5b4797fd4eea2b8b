/**
 * Runs the server as a process, alone or as a worker: what the process prints, which signals stop or reload it, and how
 * long stopping may take.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { createLogger } from "./observability/log.js";
import { type Server, type ServerListener, startServer } from "./server.js";
import { settingTable } from "./settings/setting-table.js";
import { findTypos } from "./settings/setting-typos.js";
import { readSettings, type Settings } from "./settings/settings.js";
import { startWorkers } from "./start-workers.js";
import { findParent, type Parent } from "./workers/parent.js";

/**
 * Longest time for closing the server after the drain, in seconds. Blocked sockets take at most five seconds and calls
 * in flight five more; the rest is for the embedded database.
 */
const closeSeconds = 25;

/**
 * Under `npm start` one Ctrl-C sends two signals to the process: one from the terminal and one from npm. So a second
 * signal within this time, in milliseconds, is ignored. A later second signal ends the process without cleaning up.
 */
const echoMs = 500;

/** The process object without `env`. Functions get the environment as a parameter of its own. */
type Self = Omit<NodeJS.Process, "env">;

/**
 * Starts the server. Resolves when the server listens; the server then runs until a signal or a failure stops it.
 * Rejects with one sentence when the server cannot start. A worker that cannot start tells that sentence to its primary
 * process and ends with code 1.
 */
export async function serve(self: Self, env: NodeJS.ProcessEnv): Promise<void> {
  const settings = readSettings(env);
  const parent = findParent(self, env);
  const named = parent && { worker: parent.slot };
  const logger = createLogger({ level: settings.logLevel, readable: self.stderr.isTTY === true }).child(named ?? {});
  const reloader = createReloader(self, logger, settings);
  const stopper = createStopper(self, logger, settings.drainSeconds, parent);
  // The program that reads this output may have ended. Without this listener, the error of the next write would stop
  // the server.
  self.stdout.on("error", () => {});

  const listener: ServerListener = {
    onFirstAccount: (token) => {
      self.stdout.write(`\nThe first account was made. Its TokenAccount, shown only this once:\n\n    ${token}\n\n`);
    },
    onUnusable: (error) => stopper.fail(error),
  };
  if (parent !== undefined) {
    try {
      const worker = await startServer(settings, logger, listener, parent);
      reloader.hold(worker);
      stopper.hold(worker);
      parent.listening();
    } catch (error) {
      await parent.fail((error as Error).message);
      self.exit(1);
    }
    return;
  }
  for (const { variable, setting } of findTypos(env))
    logger.warn(`${variable} is no setting and has no effect: did you mean ${setting}?`);
  const server =
    settings.workers > 1
      ? await startWorkers(settings, logger, listener, env.PATH ?? "")
      : await startServer(settings, logger, listener);
  self.stdout.write(`Eventwire listens on ${server.url} (public) and ${server.grpcUrl} (gRPC, metrics).\n`);
  reloader.hold(server);
  stopper.hold(server);
}

/** On SIGHUP, reads the certificate and the log level anew. Nothing else can change while the server runs. */
function createReloader(self: Self, logger: Logger, settings: Settings): { hold(server: Server): void } {
  let server: Server | undefined;
  self.on("SIGHUP", () => {
    logger.level = readLogLevel(settings);
    logger.info({ logLevel: logger.level }, "reading the certificate and the log level anew");
    server?.reload();
  });
  return {
    hold(running) {
      server = running;
    },
  };
}

/** Returns the log level in the file `log-level` in DATA_DIR. Without a valid level in that file, returns LOG_LEVEL. */
function readLogLevel({ dataDir, logLevel }: Settings): string {
  try {
    return settingTable.logLevel.kind.parse(readFileSync(join(dataDir, "log-level"), "utf8").trim()) ?? logLevel;
  } catch {
    return logLevel;
  }
}

interface Stopper {
  /** Tells the stopper which server to close when the process stops. Closes it at once if the process stops already. */
  hold(server: Server): void;
  /** Prints the message of the error (a worker tells its primary process), then stops with code 1. */
  fail(error: Error): void;
}

function createStopper(self: Self, logger: Logger, drainSeconds: number, parent?: Parent): Stopper {
  let server: Server | undefined;
  let stopping: { readonly code: number; readonly since: number } | undefined;

  /**
   * Stops the process with this exit code. While the server still starts, the stop waits for the end of the start,
   * because a server that is half started cannot be closed cleanly. When all that takes longer than the drain and
   * `closeSeconds`, the process ends with code 1 without cleaning up.
   */
  function stop(code: number): void {
    stopping = { code, since: performance.now() };
    const limit = setTimeout(
      () => {
        logger.fatal("stopping took too long, ended without cleaning up");
        self.exit(1);
      },
      (drainSeconds + closeSeconds) * 1000,
    );
    limit.unref();
    if (server !== undefined) void close(server, code);
  }

  async function close(running: Server, code: number): Promise<void> {
    try {
      await running.close();
      logger.info("stopped");
      self.exit(code);
    } catch (error) {
      logger.fatal({ err: error }, "stopping failed");
      self.exit(1);
    }
  }

  function onSignal(signal: NodeJS.Signals): void {
    if (stopping === undefined) {
      logger.info({ signal, drainSeconds }, "stopping");
      stop(0);
    } else if (performance.now() - stopping.since > echoMs) {
      logger.warn({ signal }, "stopped by a second signal, without cleaning up");
      self.exit(1);
    }
  }

  function onDefect(error: unknown): void {
    logger.fatal({ err: error }, "unexpected failure, stopping");
    if (stopping === undefined) stop(1);
  }

  parent?.onStop(() => stop(0));
  // A signal to all processes of a service reaches the workers too. Workers ignore the signal, because the primary
  // process decides when they stop.
  self.on("SIGTERM", parent ? () => {} : onSignal);
  self.on("SIGINT", parent ? () => {} : onSignal);
  self.on("uncaughtException", onDefect);
  self.on("unhandledRejection", onDefect);

  return {
    hold(running) {
      server = running;
      if (stopping !== undefined) void close(running, stopping.code);
    },
    fail({ message }) {
      if (parent === undefined) self.stderr.write(`eventwire: ${message}\n`);
      else void parent.fail(message);
      if (stopping === undefined) stop(1);
    },
  };
}
