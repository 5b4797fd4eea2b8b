/** The built program as a child process: what it prints, where it listens, how it ends. */

import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { onTestFinished } from "vitest";

export interface Program {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Resolves when the text is printed on either stream; rejects when the program ends without it. */
  printed(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface RunningServer extends Program {
  readonly url: string;
  readonly grpcUrl: string;
}

const main = resolve("dist/src/main.js");

/** Who hears how to end it. */
export type AtEnd = (end: () => Promise<void>) => void;

/** Ends with its test, unless `atEnd` says otherwise. Nothing but `env` and what a process needs is in its environment. */
export function startProgram(
  args: readonly string[],
  env: Record<string, string> = {},
  atEnd: AtEnd = onTestFinished,
): Program {
  return watchProgram(process.execPath, [main, ...args], env, atEnd);
}

/** The same for any other program. */
export function watchProgram(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  atEnd: AtEnd = onTestFinished,
): Program {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  const watchers = new Set<() => void>();
  let over = false;
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (chunk: string) => {
      text[stream] += chunk;
      for (const watcher of watchers) watcher();
    });
  }
  const ended = new Promise<number | NodeJS.Signals>((done, fail) => {
    child.on("error", fail);
    // Not "exit": what it printed last is still to be read then.
    child.on("close", (code, signal) => {
      over = true;
      for (const watcher of watchers) watcher();
      done(code ?? signal ?? -1);
    });
  });
  atEnd(async () => {
    if (!over) child.kill("SIGTERM");
    await ended;
  });

  return {
    child,
    ended,
    get stdout() {
      return text.stdout;
    },
    get stderr() {
      return text.stderr;
    },
    kill: (signal) => void child.kill(signal),
    printed: (wanted) =>
      new Promise((done, fail) => {
        const look = (): void => {
          const found = `${text.stdout}${text.stderr}`.includes(wanted);
          if (!found && !over) return;
          watchers.delete(look);
          if (found) done();
          else fail(new Error(`It ended without printing "${wanted}".\n${text.stdout}\n${text.stderr}`));
        };
        watchers.add(look);
        look();
      }),
  };
}

/** Started with free ports, and listening. `file`: the program, when it is that of another release. */
export async function startServerProgram(
  env: Record<string, string>,
  atEnd?: AtEnd,
  file = main,
): Promise<RunningServer> {
  const ports = { PORT: "0", GRPC_PORT: "0", HOST: "127.0.0.1" };
  const program = watchProgram(process.execPath, [file], { ...ports, ...env }, atEnd);
  await program.printed("Eventwire listens on");
  const [, url = "", grpcUrl = ""] = /listens on (\S+) \(public\) and (\S+) /.exec(program.stdout) ?? [];
  // A busy machine may read the directory later than the server waits for it before it listens.
  const isStarting = async () => (await (await fetch(`${url}/health`)).text()).includes(`"db":"starting"`);
  while (url.startsWith("http:") && (await isStarting().catch(() => false)));
  return Object.defineProperties(program, { url: { value: url }, grpcUrl: { value: grpcUrl } }) as RunningServer;
}
