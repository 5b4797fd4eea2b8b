/** Eventwire as it is shipped: the program, its embedded database, instances made over its own API. */

import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { serverCore } from "../driver/machine.mjs";
import { kill, resume, sleep, start } from "../driver/processes.mjs";
import { freePort, listening, scratchDirectory } from "./external.mjs";
import { baseUrl, filterOf, instanceName, instanceToken } from "./payload.mjs";

const program = fileURLToPath(new URL("../../../dist/src/main.js", import.meta.url));
/** The command of a Node server. */
export const collectingNode = [
  process.execPath,
  "--expose-gc",
  "--import",
  new URL("./collect.mjs", import.meta.url).href,
];
export const accountToken = "bench-account-token";

/**
 * @param {import("./payload.mjs").Shape} shape
 * @param {Record<string, string>} more settings
 */
export async function startEventwire(shape, more = {}) {
  const directory = scratchDirectory("eventwire");
  const [port, grpcPort] = [await freePort(), await freePort()];
  const env = {
    PATH: process.env.PATH,
    HOST: "127.0.0.1",
    PORT: String(port),
    GRPC_PORT: String(grpcPort),
    PUBLIC_URL: baseUrl,
    DATA_DIR: `${directory}/data`,
    ACCOUNT_TOKEN: accountToken,
    RATE_LIMIT_GLOBAL: "0",
    RATE_LIMIT_CREATE: "0",
    DRAIN_SECONDS: "0",
    LOG_LEVEL: "warn",
    // As `npm start` and everything in deploy/ set it.
    MALLOC_MMAP_THRESHOLD_: "65536",
    ...more,
  };
  const child = start(serverCore, [...collectingNode, program], { env, gentle: true });
  child.stdout.resume();
  await listening(port, child);
  await listening(grpcPort, child);
  for (let number = 0; number < shape.instances; number++) await createInstance(port, number, shape);
  const workers = childrenOf(child.pid, program);
  // Not its database.
  const nats = childrenOf(child.pid, "nats-server");
  return {
    pids: [child.pid, ...workers, ...nats],
    // A nats-server ends by the signal.
    collects: nats.length === 0,
    port,
    publisher: { grpcPort, token: accountToken },
    async close() {
      try {
        // Paused, they would not hear what the primary tells them.
        resume([...workers, ...nats]);
      } catch {
        // One that crashed needs no resuming.
      }
      await kill(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** With the nats-server that they bring; its CPU counts too. */
export const startWorkers = (shape) => startEventwire(shape, { WORKERS: "2" });

function childrenOf(pid, name) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return children.filter((child) => readFileSync(`/proc/${child}/cmdline`, "utf8").includes(name)).map(Number);
}

async function createInstance(port, number, shape) {
  const body = {
    name: instanceName(number),
    token: instanceToken(number),
    websocketEnabled: true,
    websocketEvents: shape.mixed ? filterOf(number, shape) : [],
    websocketMediaBase64: shape.media === true,
  };
  // The database may still be starting.
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/api/instance/new`, {
      method: "POST",
      headers: { token: accountToken, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.status === 201) return;
    if (tries === 50) throw new Error(`instance not created: ${answer.status} ${await answer.text()}`);
    await sleep(200);
  }
}
