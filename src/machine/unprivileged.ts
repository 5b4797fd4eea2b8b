/** Runs the servers that we start as a user that is not root. */

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { lchownSync, lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** The program to run, with the words for its errors. */
export interface ServerProgram {
  /** Of its program, or of one of several that stand together. */
  readonly path: string;
  /** Says, as the first half of a sentence, that it does not run as root. */
  readonly refusal: string;
  /** What it comes with, and what has to be installed elsewhere when its user cannot reach it. */
  readonly product: string;
  /** Names a server that somebody else runs, to be used in its place. */
  readonly setting: string;
}

export interface Unprivileged {
  /** Gives a file, or a directory with everything in it, to the user that the programs run as. */
  own(path: string): void;
  /** Starts a program in a directory. The program's user need not be able to reach the directory by its path. */
  spawn(program: string, args: readonly string[], directory: string, stdio: StdioOptions): ChildProcess;
  /** The name by which a program reaches the directory that it was started in. */
  here(directory: string): string;
}

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

// The settings of this process hold secrets, and a foreign locale would translate the messages of PostgreSQL.
const env = { LC_ALL: "C", PATH: "/usr/local/bin:/usr/bin:/bin" };

/**
 * `nobody` is not among them: whatever else runs under that name could read the files of our servers. initdb needs a
 * user that has a name.
 */
const names = ["eventwire", "postgres", "daemon"];

/** `directory`: its owner, where it exists and belongs to somebody else than root, is the user that is taken. */
export function createUnprivileged(directory: string, program: ServerProgram): Unprivileged {
  const { refusal, setting } = program;
  // A session of its own: Ctrl+C on the terminal is for the service, which stops its servers last.
  const options = { env, detached: true };
  if (process.getuid?.() !== 0) {
    return {
      own: () => {},
      spawn: (path, args, cwd, stdio) => spawn(path, args, { ...options, cwd, stdio }),
      here: (path) => path,
    };
  }
  const { name, uid, gid } = ownerOf(directory) ?? systemUser(refusal, setting);
  const closed = closedDirectory(program.path, { uid, gid });
  if (closed !== undefined) {
    throw new Error(
      `${refusal}, and the user ${name} cannot pass ${closed} to its programs: install ${program.product} where others ` +
        `may pass (in /opt/${program.product.toLowerCase()}, say), start Eventwire as another user, or set ${setting}.`,
    );
  }
  return {
    own: (path) => changeOwner(path, uid, gid),
    spawn: (path, args, cwd, stdio) => spawn(path, args, { ...options, uid, gid, cwd, stdio }),
    // The directory is entered while the process is still root, so the directories above may be closed to the user.
    here: () => "/proc/self/cwd",
  };
}

/** The user that an existing directory belongs to. A restart goes on with that user. */
function ownerOf(directory: string): User | undefined {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined || found.uid === 0 || found.uid === findUser("nobody")?.uid) return undefined;
  return { name: `with the id ${found.uid}`, uid: found.uid, gid: found.gid };
}

function systemUser(refusal: string, setting: string): User {
  for (const name of names) {
    const user = findUser(name);
    if (user !== undefined) return user;
  }
  throw new Error(
    `${refusal}, and there is no user ${names.join(", ")}: make one (useradd --system eventwire), ` +
      `start as another user, or set ${setting}.`,
  );
}

function findUser(name: string): User | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return Number(uid) > 0 ? { name, uid: Number(uid), gid: Number(gid) } : undefined;
}

/** The first directory above a path that the user may not pass. */
function closedDirectory(path: string, user: Pick<User, "uid" | "gid">): string | undefined {
  const directory = dirname(path);
  if (directory === path) return undefined;
  const { uid, gid, mode } = statSync(directory);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return closedDirectory(directory, user) ?? ((mode & bit) === 0 ? directory : undefined);
}

/**
 * Changes the owner of the directory and everything in it. The cluster may come from elsewhere, for example a backup
 * that root unpacked.
 */
function changeOwner(path: string, uid: number, gid: number): void {
  lchownSync(path, uid, gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const entry of readdirSync(path)) changeOwner(join(path, entry), uid, gid);
}
