/** nginx and HAProxy with the lines of docs/CONSUMING.md, in the smallest configuration that makes them whole. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Addresses } from "./consuming-page.js";
import { freePort } from "./free-port.js";
import { answers } from "./proxies.js";
import { temporaryDirectory } from "./temporary.js";

/** `forPublic` and `forService` are what stands in the server of each port. */
export async function startNginx(forPublic: string, forService: string): Promise<Addresses> {
  const folder = temporaryDirectory();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/tmp;`,
  );
  return start(folder, ["nginx", "-e", join(folder, "error.log"), "-g", "daemon off;", "-c"], (port, grpcPort) => [
    `user ${userInfo().username}; pid ${folder}/pid; events {}`,
    `http { access_log off; ${temporary.join(" ")}`,
    `server { listen 127.0.0.1:${port}; ${forPublic} }`,
    `server { listen 127.0.0.1:${grpcPort} http2; ${forService} } }`,
  ]);
}

/** `defaults` is the section of this name. */
export async function startHaproxy(defaults: string, node: Addresses): Promise<Addresses> {
  const [url, grpcUrl] = [new URL(node.url).host, new URL(node.grpcUrl).host];
  return start(temporaryDirectory(), ["haproxy", "-db", "-f"], (port, grpcPort) => [
    `${defaults}`,
    `listen public\n    bind 127.0.0.1:${port}\n    server node ${url}`,
    `listen service\n    bind 127.0.0.1:${grpcPort} proto h2\n    server node ${grpcUrl} proto h2`,
    "",
  ]);
}

async function start(
  folder: string,
  [command = "", ...args]: readonly string[],
  configure: (port: number, grpcPort: number) => readonly string[],
): Promise<Addresses> {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const file = join(folder, "configuration");
  writeFileSync(file, configure(port, grpcPort).join("\n"));
  const proxy = spawn(command, [...args, file], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(proxy, "close");
  let said = "";
  proxy.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  onTestFinished(async () => {
    proxy.kill("SIGTERM");
    await ended;
  });
  for (const each of [port, grpcPort])
    while (!(await answers(each))) if (proxy.exitCode !== null) throw new Error(`${command} has ended.\n${said}`);
  return { url: `http://127.0.0.1:${port}`, grpcUrl: `http://127.0.0.1:${grpcPort}` };
}
