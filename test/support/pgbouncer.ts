/** A real PgBouncer before a database, with its own defaults but for the way in. */

import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "./free-port.js";
import { query } from "./postgres.js";
import { until } from "./until.js";

export interface PgBouncer {
  /** For DATABASE_URL. */
  readonly url: string;
  /** From the end of the transactions that are under way on. */
  setMode(mode: "session" | "transaction"): Promise<void>;
  close(): Promise<void>;
}

/** It refuses to be root: Debian's nobody. */
const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;

export async function startPgBouncer(databaseUrl: string, mode: "session" | "transaction"): Promise<PgBouncer> {
  const directory = mkdtempSync(join(tmpdir(), "eventwire-pgbouncer-"));
  const file = join(directory, "pgbouncer.ini");
  const users = join(directory, "users.txt");
  const { host, port, user = "", password, database } = new pg.Client({ connectionString: databaseUrl });
  const listening = await freePort();
  writeFileSync(users, `"${user}" "${password}"\n`);
  configure(mode);
  if (nobody !== undefined) for (const path of [directory, file, users]) chownSync(path, nobody.uid, nobody.gid);

  function configure(now: string): void {
    writeFileSync(
      file,
      `[databases]
* = host=${host} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listening}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
admin_users = ${user}
pool_mode = ${now}
`,
    );
  }

  const child: ChildProcess = spawn("pgbouncer", [file], { stdio: ["ignore", "ignore", "pipe"], ...nobody });
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const ended = new Promise((done) => child.on("close", done));
  const url = new URL(`postgres://${user}:${password}@127.0.0.1:${listening}/${database}`);
  const console = Object.assign(new URL(url), { pathname: "/pgbouncer" }).href;
  await until(() => {
    if (child.exitCode !== null) throw new Error(`PgBouncer has ended.\n${log}`);
    return log.includes("process up");
  });

  return {
    url: url.href,
    async setMode(now) {
      configure(now);
      await query(console, "reload");
    },
    async close() {
      child.kill("SIGINT");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
