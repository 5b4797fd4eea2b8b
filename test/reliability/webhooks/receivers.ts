/** Receivers of webhooks, each of which is a process that can be killed, stopped and put into a mood. */

import { createReadStream } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../support/free-port.js";
import { type Program, watchProgram } from "../../support/program.js";
import { temporaryDirectory } from "../../support/temporary.js";

/** How a receiver answers: see `receiver-program.mjs`. */
export type Mood = "well" | "slow" | "failing" | "missing" | "hanging" | "cutting";

/** One receiver over all its restarts. */
export interface Receiver {
  /** `http://127.0.0.1:…`, the same over all restarts. */
  readonly origin: string;
  /** Kills the process with SIGKILL, and starts another one after a while. */
  kill(ms: number): Promise<void>;
  /** Stops the process for a while. What it is sent meanwhile waits in the kernel. */
  freeze(ms: number): Promise<void>;
  beInMood(mood: Mood, ms: number): Promise<void>;
}

/** When a process of a receiver was dying, or was stopped. */
export interface Trouble {
  readonly pid: number;
  readonly what: "killed" | "stopped";
  readonly from: number;
  readonly until: number;
}

export interface Receivers {
  readonly all: readonly Receiver[];
  readonly troubles: readonly Trouble[];
  /** The lines of the log that all receivers share. */
  log(): AsyncIterable<string>;
}

const program = resolve("test/reliability/webhooks/receiver-program.mjs");

/** The receivers and their log end with the test. */
export async function startReceivers(count: number): Promise<Receivers> {
  const file = join(temporaryDirectory(), "received.log");
  const troubles: Trouble[] = [];
  const all = await Promise.all(Array.from({ length: count }, () => startReceiver(file, troubles)));
  return {
    all,
    troubles,
    log: () => createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY }),
  };
}

async function startReceiver(file: string, troubles: Trouble[]): Promise<Receiver> {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  let running: Program;

  async function start(): Promise<void> {
    running = watchProgram(process.execPath, [program, String(port), file]);
    await running.printed("receiving");
  }

  async function take(mood: Mood): Promise<void> {
    const { status } = await fetch(`${origin}/mood/${mood}`, { method: "PUT", body: "" });
    if (status !== 200) throw new Error(`The receiver answered ${status}.`);
  }

  /** Call the result when the trouble is over. */
  function begin(what: Trouble["what"]): () => void {
    const [pid, from] = [running.child.pid as number, Date.now()];
    return () => void troubles.push({ pid, what, from, until: Date.now() });
  }

  await start();
  return {
    origin,
    async kill(ms) {
      const note = begin("killed");
      running.kill("SIGKILL");
      await running.ended;
      note();
      await delay(ms);
      await start();
    },
    async freeze(ms) {
      const note = begin("stopped");
      running.kill("SIGSTOP");
      await delay(ms);
      running.kill("SIGCONT");
      note();
    },
    async beInMood(mood, ms) {
      await take(mood);
      await delay(ms);
      await take("well");
    },
  };
}
