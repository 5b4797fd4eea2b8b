/**
 * A receiver of webhooks in a process of its own, which can be killed with SIGKILL, and which can hold its answers. What it
 * has received is not lost with it.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { freePort } from "./free-port.js";
import type { AtEnd } from "./program.js";

export interface Arrival {
  readonly path: string;
  /** `webhook-id`. */
  readonly id: string;
  /** The `n` of the data. */
  readonly n: number;
  /** Number of requests to this path that were not answered when this one came, with this one. */
  readonly open: number;
  /** `performance.now()` of the test. */
  readonly at: number;
}

export interface KillableReceiver {
  readonly origin: string;
  readonly arrivals: readonly Arrival[];
  /** From now on answers nothing. */
  hold(): void;
  /** Answers 204 to what it holds, and to everything from now on. */
  release(): void;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port. It holds nothing. */
  start(): Promise<void>;
}

const program = `
  const { createServer } = require("node:http");
  let holding = false;
  const held = [];
  const open = new Map();
  createServer(async (request, response) => {
    const { n } = JSON.parse(Buffer.concat(await request.toArray()).toString()).data;
    const path = request.url;
    open.set(path, (open.get(path) ?? 0) + 1);
    response.on("close", () => open.set(path, open.get(path) - 1));
    console.log(JSON.stringify({ path, id: request.headers["webhook-id"], n, open: open.get(path) }));
    if (holding) held.push(response);
    else response.writeHead(204).end();
  }).listen(Number(process.argv[1]), "127.0.0.1", () => console.log("listens"));
  process.on("message", (message) => {
    holding = message === "hold";
    if (!holding) for (const response of held.splice(0)) response.writeHead(204).end();
  });`;

/** Ends with its test, unless `atEnd` says otherwise. */
export async function startKillableReceiver(atEnd: AtEnd = onTestFinished): Promise<KillableReceiver> {
  const port = await freePort();
  const arrivals: Arrival[] = [];
  let child: ChildProcess;

  async function start(): Promise<void> {
    child = spawn(process.execPath, ["-e", program, String(port)], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
    const listens = new Promise<void>((done) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
        if (line === "listens") done();
        else arrivals.push({ ...JSON.parse(line), at: performance.now() });
      });
    });
    await listens;
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "close");
  }

  await start();
  atEnd(kill);
  return {
    origin: `http://127.0.0.1:${port}`,
    arrivals,
    hold: () => void child.send("hold"),
    release: () => void child.send("release"),
    kill,
    start,
  };
}
