/** Runs PostgreSQL's programs as a user that is not root, which they refuse to be. */

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { existsSync, lchownSync, lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

export interface Unprivileged {
  /** Gives a file, or a directory with all that is in it, to the user that the programs run as. */
  own(path: string): void;
  spawn(program: string, args: readonly string[], stdio: StdioOptions): ChildProcess;
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

// The settings of this process hold secrets, and a foreign locale would translate PostgreSQL's messages.
const env = { LC_ALL: "C", PATH: "/usr/local/bin:/usr/bin:/bin" };

/** `reached` are the paths that the programs must be able to open. */
export function createUnprivileged(directory: string, reached: readonly string[]): Unprivileged {
  // A session of its own: Ctrl+C on the terminal is for the service, which stops its database last.
  const options = { env, detached: true };
  if (process.getuid?.() !== 0) {
    return { own: () => {}, spawn: (program, args, stdio) => spawn(program, args, { ...options, stdio }) };
  }

  const user = ownerOf(directory) ?? systemUser();
  const own = (path: string) => changeOwner(path, user);
  if (reached.every((path) => canReach(path, user))) {
    return { own, spawn: (program, args, stdio) => spawn(program, args, { ...options, ...user, stdio }) };
  }

  // Below a home directory of root, say. The user then keeps the one capability of passing closed directories.
  const capability = passingCapability();
  const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"].find((path) => existsSync(path));
  if (capability === undefined || setpriv === undefined) {
    throw new Error(
      `PostgreSQL can not run as root, and no other user can reach ${directory}: ` +
        "open the directories above it (chmod o+x), start as another user, or set DATABASE_URL.",
    );
  }
  const drop = [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  const keep = [`--inh-caps=-all,+${capability}`, `--ambient-caps=-all,+${capability}`];
  return {
    own,
    spawn: (program, args, stdio) => spawn(setpriv, [...drop, ...keep, "--", program, ...args], { ...options, stdio }),
  };
}

/** The user that an existing directory belongs to, so that restarts stay with it. */
function ownerOf(directory: string): User | undefined {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined || found.uid === 0) return undefined;
  return { uid: found.uid, gid: found.gid };
}

/** initdb needs a user that has a name. */
function systemUser(): User {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("PostgreSQL can not run as root, and there is no user nobody: set DATABASE_URL.");
}

function canReach(path: string, user: User): boolean {
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    const found = statSync(directory, { throwIfNoEntry: false });
    if (found !== undefined) {
      const bit = found.uid === user.uid ? 0o100 : found.gid === user.gid ? 0o010 : 0o001;
      if ((found.mode & bit) === 0) return false;
    }
    if (directory === dirname(directory)) return true;
  }
}

/** The weaker of the two capabilities that pass closed directories; containers often have only the stronger one. */
function passingCapability(): string | undefined {
  let status: string;
  try {
    status = readFileSync("/proc/self/status", "utf8");
  } catch {
    return undefined;
  }
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  if (effective & 4n) return "dac_read_search";
  if (effective & 2n) return "dac_override";
  return undefined;
}

/** With everything in it: a cluster may come from somewhere else, a backup unpacked by root, say. */
function changeOwner(path: string, user: User): void {
  lchownSync(path, user.uid, user.gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const entry of readdirSync(path)) changeOwner(join(path, entry), user);
}
