/** nginx with the configuration of `deploy/`, its addresses replaced: two nodes on free ports, files in a directory of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.js";

export interface Balancer {
  /** What clients reach as the public port, and producers as the service port. */
  readonly url: string;
  readonly publicPort: number;
  readonly grpcUrl: string;
  readonly grpcPort: number;
  /** All that nginx has logged so far. */
  log(): { readonly access: string; readonly error: string };
  close(): Promise<void>;
}

export interface Upstream {
  readonly publicPort: number;
  readonly servicePort: number;
}

export async function startBalancer(nodes: readonly [Upstream, Upstream]): Promise<Balancer> {
  const [publicPort, grpcPort] = [await freePort(), await freePort()];
  const folder = mkdtempSync(join(tmpdir(), "eventwire-nginx-"));
  writeFileSync(join(folder, "nginx.conf"), configuration(folder, nodes, publicPort, grpcPort));
  const nginx = spawn(
    "nginx",
    [
      "-c",
      join(folder, "nginx.conf"),
      "-e",
      join(folder, "error.log"),
      "-g",
      `daemon off; user ${userInfo().username};`,
    ],
    { stdio: "ignore" },
  );
  const ended = once(nginx, "close");
  try {
    for (const port of [publicPort, grpcPort]) await listening(nginx, port);
  } catch (cause) {
    throw new Error(readFileSync(join(folder, "error.log"), "utf8"), { cause });
  }
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  return {
    url: `http://127.0.0.1:${publicPort}`,
    publicPort,
    grpcUrl: `http://127.0.0.1:${grpcPort}`,
    grpcPort,
    log: () => ({ access: read("access.log"), error: read("error.log") }),
    async close() {
      nginx.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, nodes: readonly Upstream[], publicPort: number, grpcPort: number): string {
  let text = readFileSync("deploy/nginx.conf", "utf8");
  /** Each of them stands there, or the file has changed under its test. */
  function replace(what: string, by: string): void {
    if (!text.includes(what)) throw new Error(`deploy/nginx.conf has no "${what}".`);
    text = text.replaceAll(what, by);
  }
  for (const [i, node] of nodes.entries()) {
    replace(`server node${i + 1}:8080`, `server 127.0.0.1:${node.publicPort}`);
    replace(`server node${i + 1}:9090`, `server 127.0.0.1:${node.servicePort}`);
  }
  replace("listen 8080;", `listen 127.0.0.1:${publicPort};`);
  replace("listen 9090 http2;", `listen 127.0.0.1:${grpcPort} http2;`);
  replace("/var/log/nginx", folder);
  replace("/run/nginx.pid", join(folder, "pid"));
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/tmp;`,
  );
  replace("http {", `http {\n${temporary.join("\n")}`);
  return text;
}

async function listening(nginx: ChildProcess, port: number): Promise<void> {
  while (nginx.exitCode === null) {
    const socket = connect(port, "127.0.0.1");
    const open = await new Promise<boolean>((done) =>
      socket.on("connect", () => done(true)).on("error", () => done(false)),
    );
    socket.destroy();
    if (open) return;
  }
  throw new Error("nginx has ended.");
}
