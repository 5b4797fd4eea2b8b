/** The files of the embedded PostgreSQL in the data directory, made at the first start. */

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isSystemError, useDataDirectory } from "./data-directory.js";
import { postgresBinaries } from "./postgres-binaries.js";
import { isRunning } from "./process.js";
import { createUnprivileged, type Unprivileged } from "./unprivileged.js";

export interface Cluster {
  /** PostgreSQL's own data directory. */
  readonly data: string;
  readonly log: string;
  readonly password: string;
  readonly postgres: string;
  readonly unprivileged: Unprivileged;
}

/** Every superuser session of the cluster is ours, so it has one user. */
export const clusterUser = "eventwire";

export function openCluster(dataDirectory: string): Promise<Cluster> {
  const binaries = postgresBinaries();
  return useDataDirectory(dataDirectory, async (root) => {
    const directory = join(root, "postgres");
    const unprivileged = createUnprivileged(directory, [directory, binaries.postgres]);
    if (!existsSync(join(directory, "data"))) await initialise(root, directory, binaries.initdb, unprivileged);
    if (process.getuid?.() === 0 && statSync(directory).uid === 0) unprivileged.own(directory);
    return {
      data: join(directory, "data"),
      log: join(directory, "log"),
      password: readFileSync(join(directory, "password"), "utf8").trim(),
      postgres: binaries.postgres,
      unprivileged,
    };
  });
}

/** Made aside and moved into place, so that a start that is killed, or two at once, leave nothing half made. */
async function initialise(root: string, directory: string, initdb: string, unprivileged: Unprivileged): Promise<void> {
  for (const name of readdirSync(root)) {
    const pid = /^postgres\.new-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(root, name), { recursive: true, force: true });
  }
  const made = join(root, `postgres.new-${process.pid}`);
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { mode: 0o700 });
  try {
    writeFileSync(join(made, "password"), randomBytes(32).toString("hex"), { mode: 0o600 });
    unprivileged.own(made);
    await runInitdb(initdb, made, unprivileged);
    renameSync(made, directory);
  } catch (error) {
    const lost = isSystemError(error) && (error.code === "ENOTEMPTY" || error.code === "EEXIST");
    if (!lost) throw error;
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function runInitdb(initdb: string, made: string, unprivileged: Unprivileged): Promise<void> {
  const args = [
    `--pgdata=${join(made, "data")}`,
    `--pwfile=${join(made, "password")}`,
    `--username=${clusterUser}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    "--lc-messages=C",
    "--no-instructions",
  ];
  return new Promise((done, fail) => {
    const child = unprivileged.spawn(initdb, args, ["ignore", "pipe", "pipe"]);
    let said = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.on("error", fail);
    child.on("close", (code, signal) => {
      if (code === 0) return done();
      const reason = /error: .*|could not .*/.exec(said)?.[0] ?? said.trim().split("\n").at(-1);
      fail(new Error(`PostgreSQL could not be set up in ${made} (${code ?? signal}): ${reason}`));
    });
  });
}
