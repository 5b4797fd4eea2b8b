/** Starts a nats-server with JetStream in memory, as a process of its own. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, started } from "./nodes.mjs";

/** `ends` gets the function that stops the server. */
export async function startNats(directory, ends) {
  const [port, monitorPort] = [await freePort(), await freePort()];
  writeFileSync(
    join(directory, "nats.conf"),
    `host: 127.0.0.1\nport: ${port}\nhttp: 127.0.0.1:${monitorPort}\nmax_payload: 33554432\nmax_pending: 268435456\njetstream { max_memory_store: 268435456, max_file_store: 0, store_dir: "js" }\n`,
  );
  const stdio = ["ignore", "ignore", "pipe"];
  const child = started(spawn("nats-server", ["-c", "nats.conf"], { cwd: directory, stdio }));
  const gone = once(child, "exit");
  ends.push(async () => {
    child.kill("SIGTERM");
    await gone;
  });
  let log = "";
  for await (const chunk of child.stderr) {
    log += chunk;
    if (log.includes("Server is ready")) break;
  }
  return { url: `nats://127.0.0.1:${port}`, monitor: `http://127.0.0.1:${monitorPort}`, pid: child.pid };
}
