/** Creates and finds the files of the embedded PostgreSQL in the data directory, and closes them to other users. */

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { isSystemError, useDataDirectory } from "../../machine/data-directory.js";
import { isRunning } from "../../machine/process.js";
import { keepSecret } from "../../machine/secret-file.js";
import { createUnprivileged, type Unprivileged } from "../../machine/unprivileged.js";
import { postgresBinaries } from "./postgres-binaries.js";

/** The files of the embedded database, and the passwords of its two roles. */
export interface Cluster {
  /** Path of PostgreSQL's own data directory. */
  readonly data: string;
  /** Path of the file to which PostgreSQL writes its log. */
  readonly log: string;
  /** Password of PostgreSQL's superuser. */
  readonly password: string;
  /** Password of the role with which Eventwire works. The role is no superuser. */
  readonly servicePassword: string;
  /** Path of the program `postgres`. */
  readonly postgres: string;
  readonly unprivileged: Unprivileged;
}

/**
 * The superuser that initdb creates. Eventwire uses it to create and correct the role of the service, and to stop the
 * server of an older release.
 */
export const clusterUser = "eventwire";

const server = { refusal: "PostgreSQL does not run as root", product: "Eventwire", setting: "DATABASE_URL" };

/**
 * Whether an earlier start created the database's directory. The data directory alone proves nothing, because it may
 * hold other files.
 */
export function hasCluster(dataDirectory: string): boolean {
  return existsSync(join(resolve(dataDirectory), "postgres"));
}

/**
 * Finds the files of the database, and creates them when there are none. Does not start the server. Rejects with a
 * sentence when they cannot be created, or when a part of an earlier database is missing.
 */
export function openCluster(dataDirectory: string): Promise<Cluster> {
  const binaries = postgresBinaries();
  return useDataDirectory(dataDirectory, async (root) => {
    const directory = join(root, "postgres");
    const unprivileged = createUnprivileged(directory, { ...server, path: binaries.postgres });
    if (!existsSync(directory)) await initialise(root, directory, binaries.initdb, unprivileged);
    for (const part of ["data", "password"]) {
      if (existsSync(join(directory, part))) continue;
      throw new Error(
        `The database in ${directory} has no ${part}: bring it back from a backup, or remove the directory.`,
      );
    }
    return {
      data: join(directory, "data"),
      log: join(directory, "log"),
      password: readFileSync(join(directory, "password"), "utf8").trim(),
      servicePassword: readOrMakePassword(join(directory, "service-password")),
      postgres: binaries.postgres,
      unprivileged,
    };
  });
}

/**
 * Closes the directory of the database, which also holds the server's socket, to all other users. As root, also makes
 * the server's user the owner of everything in it. Do not call this while a server runs in the directory.
 */
export function closeCluster({ data, unprivileged }: Pick<Cluster, "data" | "unprivileged">): void {
  const directory = join(data, "..");
  if (process.getuid?.() === 0) unprivileged.own(directory);
  if ((statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700);
}

function readOrMakePassword(file: string): string {
  if (!existsSync(file)) keepSecret(file, newPassword());
  return readFileSync(file, "utf8").trim();
}

function newPassword(): string {
  return randomBytes(32).toString("hex");
}

/**
 * Creates the files of the database in another directory and then moves them into place. So no half-made database is
 * left when a start is killed. When another start is the first of two to finish, its database is kept and this one is
 * thrown away.
 */
async function initialise(root: string, directory: string, initdb: string, unprivileged: Unprivileged): Promise<void> {
  for (const name of readdirSync(root)) {
    const pid = /^postgres\.new-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(root, name), { recursive: true, force: true });
  }
  const made = join(root, `postgres.new-${process.pid}`);
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { mode: 0o700 });
  try {
    mkdirSync(join(made, "data"), { mode: 0o700 });
    keepSecret(join(made, "password"), newPassword());
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

async function runInitdb(initdb: string, made: string, unprivileged: Unprivileged): Promise<void> {
  const data = join(made, "data");
  const args = [
    `--pgdata=${unprivileged.here(data)}`,
    "--pwfile=/dev/stdin",
    `--username=${clusterUser}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    "--lc-messages=C",
    "--no-instructions",
  ];
  const password = openSync(join(made, "password"), "r");
  const child = unprivileged.spawn(initdb, args, data, [password, "pipe", "pipe"]);
  closeSync(password);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  await new Promise<void>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, signal) => {
      if (code === 0) return done();
      const reason = /error: .*|could not .*/.exec(said)?.[0] ?? said.trim().split("\n").at(-1);
      fail(new Error(`PostgreSQL could not be set up in ${made} (${code ?? signal}): ${reason}`));
    });
  });
}
