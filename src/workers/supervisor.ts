/** Keeps a number of worker processes running: starts them, restarts a worker that has ended, and stops them. */

import cluster, { type Worker } from "node:cluster";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { type FromWorker, type Place, placeVariable, type Report, type ToWorker } from "./messages.js";
import { createWorkerQueries } from "./worker-queries.js";

export interface SupervisorOptions {
  /** Number of workers. */
  readonly count: number;
  /** The nats-server that the workers use. Absent when NATS_URL is set. */
  readonly nats: Place["nats"];
  /** Environment variables that the workers get in addition to those of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Sums the reports of workers that have ended, and keeps only the counts that later sums need: see `retireReports`.
   */
  readonly retire: (reports: readonly Report[]) => Promise<Report>;
  /**
   * Called when a worker that was listening says that it cannot go on. Called at most once, and not during the start: a
   * worker that fails then makes `startSupervisor` reject.
   */
  readonly onFailure: (error: Error) => void;
  readonly logger: Logger;
}

export interface Supervisor {
  /** Sends SIGHUP to every worker that can handle it. */
  reload(): void;
  /**
   * Tells all workers to stop, and waits until every worker has ended, without a time limit. Resolves when all ended
   * with the exit code 0. Rejects when a worker ended in another way.
   */
  close(): Promise<void>;
}

const restartMsMin = 100;
const restartMsMax = 5_000;
/**
 * How long a worker must run to count as sound, in milliseconds. When a sound one ends, it is restarted after the
 * shortest wait.
 */
const soundMs = 10_000;

/**
 * Starts the workers. Resolves when all of them listen. When a worker cannot start, or ends before all listen, kills
 * all workers and rejects with one sentence, that of the worker if it sent one.
 */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { count, nats, environment, logger } = options;
  /** The running workers. `here` says that a worker can receive messages, `listening` that it has opened its ports. */
  const workers = new Map<Worker, { here: boolean; listening: boolean }>();
  const queries = createWorkerQueries({
    tell: (worker, id, question) => tell(worker, { says: "question", id, question }),
    retire: options.retire,
  });
  // Each worker accepts the connections of the service port for itself. By default the primary process accepts each
  // connection and hands it to a worker. When that worker is killed before it has confirmed the connection, the primary
  // process keeps the connection, and its client waits for ever.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const restarts = new AbortController();
  let phase: "starting" | "running" | "closing" = "starting";
  let onStarted: () => void;
  let onStartFailed: (error: Error) => void;
  const started = new Promise<void>((resolve, reject) => {
    onStarted = resolve;
    onStartFailed = reject;
  });
  let onEmpty: () => void = () => {};
  const unclean: string[] = [];
  let failed = false;

  function start(slot: number, waitedMs: number): void {
    const place: Place = { slot, nats };
    const worker = cluster.fork({ ...environment, [placeVariable]: JSON.stringify(place) });
    const startedAt = performance.now();
    workers.set(worker, { here: false, listening: false });
    worker.on("message", (message: FromWorker) => hear(worker, message));
    // This error means that a message could not be sent, because the worker has just ended.
    worker.on("error", (error) => logger.debug({ err: error, worker: slot }, "a worker could not be told"));
    worker.once("exit", (code, signal) => {
      const sound = performance.now() - startedAt > soundMs;
      ended(worker, slot, signal ?? code, sound ? restartMsMin : Math.min(waitedMs * 2, restartMsMax));
    });
  }

  function ended(worker: Worker, slot: number, how: string | number, waitMs: number): void {
    workers.delete(worker);
    void queries.ended(worker);
    if (phase === "starting") onStartFailed(new Error(`A worker ended with ${how} before it listened.`));
    if (phase === "closing" && how !== 0) unclean.push(`worker ${slot} ended with ${how}`);
    if (workers.size === 0) onEmpty();
    if (phase !== "running") return;
    logger.error({ worker: slot, how, waitMs }, "a worker has ended and is started again");
    delay(waitMs, undefined, { signal: restarts.signal }).then(
      () => start(slot, waitMs),
      () => {},
    );
  }

  function hear(worker: Worker, message: FromWorker): void {
    const state = workers.get(worker);
    if (state === undefined) return;
    if (message.says === "here") {
      state.here = true;
      // The worker could not receive messages until now, so it has missed the order to stop.
      if (phase === "closing") tell(worker, { says: "stop" });
    } else if (message.says === "listening") {
      state.listening = true;
      if (those("listening").length === count) onStarted();
    } else if (message.says === "failed") fail(state.listening, message.message);
    else if (message.says === "answer") queries.answered(message.id, message.answer);
    else if (message.says === "ask") {
      const { id, question } = message;
      const asked = question.about === "counts" ? those("here") : those("here").filter((other) => other !== worker);
      void queries.ask(asked, question).then((answers) => tell(worker, { says: "answers", id, answers }));
    }
  }

  function fail(wasListening: boolean, message: string): void {
    const error = new Error(message);
    if (phase === "starting") onStartFailed(error);
    else if (wasListening && !failed) {
      failed = true;
      options.onFailure(error);
    } else logger.error({ err: error }, "a worker cannot start");
  }

  function those(state: "here" | "listening"): Worker[] {
    return [...workers].flatMap(([worker, { [state]: holds }]) => (holds ? [worker] : []));
  }

  function tell(worker: Worker, message: ToWorker): void {
    if (worker.isConnected()) worker.send(message);
  }

  async function empty(): Promise<void> {
    if (workers.size > 0) await new Promise<void>((resolve) => (onEmpty = resolve));
  }

  for (let slot = 1; slot <= count; slot++) start(slot, restartMsMin / 2);
  try {
    await started;
  } catch (error) {
    phase = "closing";
    for (const worker of workers.keys()) worker.process.kill("SIGKILL");
    await empty();
    throw error;
  }
  phase = "running";

  return {
    reload() {
      // SIGHUP would end a worker that does not handle signals yet. Such a worker is only starting, and reads its files
      // anyway.
      for (const worker of those("here")) worker.process.kill("SIGHUP");
    },
    async close() {
      phase = "closing";
      restarts.abort();
      for (const worker of workers.keys()) tell(worker, { says: "stop" });
      await empty();
      if (unclean.length > 0) throw new Error(unclean.join(", "));
    },
  };
}
