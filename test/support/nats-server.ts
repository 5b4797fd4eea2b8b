/** A real nats-server on a port of its own, that can be killed, frozen and started again there. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.js";
import { until } from "./until.js";

export interface NatsServer {
  /** For NATS_URL. */
  readonly url: string;
  readonly port: number;
  /** Resolves when it is gone. */
  kill(): Promise<void>;
  /** On the same port, with another configuration if one is given. Resolves when it takes connections. */
  start(config?: string): Promise<void>;
  /** SIGSTOP; resolves when it has stopped. */
  freeze(): Promise<void>;
  /** SIGCONT. */
  thaw(): void;
  close(): Promise<void>;
}

/** `config`: what its configuration file says besides host and port. */
export async function startNatsServer(config = ""): Promise<NatsServer> {
  const directory = mkdtempSync(join(tmpdir(), "eventwire-nats-"));
  const port = await freePort();
  const file = join(directory, "nats.conf");
  configure(config);
  let child: ChildProcess | undefined;
  let gone: Promise<unknown> = Promise.resolve();

  function configure(more: string): void {
    const payload = more.includes("max_payload") ? "" : "max_payload: 33554432\n";
    writeFileSync(file, `host: 127.0.0.1\nport: ${port}\n${payload}${more}`);
  }

  async function start(another?: string): Promise<void> {
    if (another !== undefined) configure(another);
    const started = spawn("nats-server", ["-c", file], { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
    child = started;
    gone = new Promise((done) => started.on("close", done));
    let log = "";
    await new Promise<void>((done, fail) => {
      started.stderr.setEncoding("utf8").on("data", (text: string) => {
        log += text;
        if (log.includes("Server is ready")) done();
      });
      started.on("error", fail);
      started.on("close", () => fail(new Error(`nats-server has ended.\n${log}`)));
    });
  }

  async function kill(): Promise<void> {
    child?.kill("SIGKILL");
    await gone;
  }

  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    start,
    kill,
    async freeze() {
      child?.kill("SIGSTOP");
      const threads = `/proc/${child?.pid}/task`;
      const stopped = (thread: string) => /\) T /.test(readFileSync(`${threads}/${thread}/stat`, "utf8"));
      await until(() => readdirSync(threads).every(stopped));
    },
    thaw: () => void child?.kill("SIGCONT"),
    async close() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
