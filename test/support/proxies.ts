/** HAProxy and Caddy with the configurations of `deploy/`, their addresses replaced by free ports of this machine. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Upstream } from "./balancer.js";
import { freePort } from "./free-port.js";

export interface RunningProxy {
  /** What clients reach as the public port, and producers as the service port. */
  readonly url: string;
  readonly publicPort: number;
  readonly grpcUrl: string;
  /** What it has printed so far. */
  log(): string;
  close(): Promise<void>;
}

interface Program {
  readonly file: string;
  readonly command: (file: string) => readonly [string, ...string[]];
  /** How the file writes the addresses that are listened on. */
  readonly listens: (port: number) => string;
}

const programs = {
  haproxy: {
    file: "deploy/haproxy.cfg",
    command: (file) => ["haproxy", "-db", "-f", file],
    listens: (port) => `bind :${port}`,
  },
  caddy: {
    file: "deploy/Caddyfile",
    command: (file) => ["caddy", "run", "--adapter", "caddyfile", "--config", file],
    listens: (port) => `:${port} {`,
  },
} as const satisfies Record<string, Program>;

export type ProxyName = keyof typeof programs;

export async function startProxy(name: ProxyName, nodes: readonly [Upstream, Upstream]): Promise<RunningProxy> {
  const { file, command, listens } = programs[name];
  const [publicPort, grpcPort] = [await freePort(), await freePort()];
  let text = readFileSync(file, "utf8");
  /** Each of them stands there, or the file has changed under its test. */
  function replace(what: string, by: string): void {
    if (!text.includes(what)) throw new Error(`${file} has no "${what}".`);
    text = text.replaceAll(what, by);
  }
  for (const [i, node] of nodes.entries()) {
    replace(`node${i + 1}:8080`, `127.0.0.1:${node.publicPort}`);
    replace(`node${i + 1}:9090`, `127.0.0.1:${node.servicePort}`);
  }
  replace(listens(8080), listens(publicPort));
  replace(listens(9090), listens(grpcPort));
  // Each connection is a file, and a machine for tests may allow fewer of them.
  if (name === "haproxy") {
    replace("maxconn 32768", "maxconn 1024");
    replace("abns@eventwire-http11", `abns@eventwire-${publicPort}`);
  }
  const directory = mkdtempSync(join(tmpdir(), "eventwire-proxy-"));
  const configuration = join(directory, "configuration");
  writeFileSync(configuration, text);

  const [program, ...args] = command(configuration);
  const child = spawn(program, args, {
    // Caddy keeps its files below the home directory.
    env: { PATH: process.env.PATH, HOME: directory },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      printed += chunk;
    });
  const ended = once(child, "close");
  for (const port of [publicPort, grpcPort])
    while (!(await answers(port))) if (child.exitCode !== null) throw new Error(`${name} has ended.\n${printed}`);
  return {
    url: `http://127.0.0.1:${publicPort}`,
    publicPort,
    grpcUrl: `http://127.0.0.1:${grpcPort}`,
    log: () => printed,
    async close() {
      child.kill("SIGTERM");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Whether somebody listens on the port. */
export async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const open = await new Promise<boolean>((done) =>
    socket.on("connect", () => done(true)).on("error", () => done(false)),
  );
  socket.destroy();
  return open;
}
