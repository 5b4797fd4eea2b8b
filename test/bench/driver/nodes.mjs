/** Starts nodes as processes of their own, on databases of their own, and reads what the processes have spent. */

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";

export const accountToken = "bench-account-token";
const built = fileURLToPath(new URL("../../../dist/src/main.js", import.meta.url));

/** All processes that this one has started. They end with it. */
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill();
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

export function started(child) {
  children.add(child);
  return child;
}

/** Makes an empty database on the server of DATABASE_URL. */
export async function makeDatabase() {
  const server = process.env.DATABASE_URL;
  if (server === undefined)
    throw new Error("DATABASE_URL must name a PostgreSQL server on which databases may be made.");
  const name = `bench_${randomBytes(6).toString("hex")}`;
  await query(server, `create database ${name}`);
  return {
    url: Object.assign(new URL(server), { pathname: `/${name}` }).href,
    drop: () => query(server, `drop database ${name} with (force)`),
  };
}

/** One statement on a connection of its own. */
export async function query(url, statement, values) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(statement, values);
  } finally {
    await client.end();
  }
}

/** Starts the program, and resolves when it takes calls. `command` stands before it, `program` may be that of another build. */
export async function startNode(settings, { program = built, command = [process.execPath] } = {}) {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const env = {
    ...{ PATH: process.env.PATH, HOST: "127.0.0.1", PORT: String(port), GRPC_PORT: String(grpcPort) },
    ...{ ACCOUNT_TOKEN: accountToken, ENCRYPTION_KEY: "07".repeat(32), DRAIN_SECONDS: "0", LOG_LEVEL: "error" },
    ...{ RATE_LIMIT_GLOBAL: "0", RATE_LIMIT_CREATE: "0", RATE_LIMIT_PUBLISH: "0", MALLOC_MMAP_THRESHOLD_: "65536" },
    ...settings,
  };
  const stdio = ["ignore", "ignore", "inherit"];
  const child = started(spawn(command[0], [...command.slice(1), program], { env, stdio }));
  const exited = once(child, "exit");
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(`${url}/health`).catch(() => ({ ok: false }))).ok) {
    if (child.exitCode !== null) throw new Error(`a node ended with ${child.exitCode}`);
    await sleep(20);
  }
  const headers = { token: accountToken, "content-type": "application/json" };
  return {
    ...{ pid: child.pid, port, grpcUrl: `http://127.0.0.1:${grpcPort}` },
    async post(path, body) {
      const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${await answer.text()}`);
    },
    async stop() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** CPU time of all threads of a process. */
export function cpuMs(pid) {
  const spent = readdirSync(`/proc/${pid}/task`).map((task) => {
    const [ns] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ");
    return Number(ns);
  });
  return spent.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

/** Resident memory of a process. */
export function memoryMiB(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
}

export function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
