/**
 * Starts PostgreSQL and nats-server as a user that is not root. Such a user is chosen only when this process is root;
 * otherwise the programs run as the user of this process.
 */

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { lchownSync, lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** The server program to start, and the words for errors about it. */
export interface ServerProgram {
  /** The path of the program. A server with several programs in one directory gives the path of one of them. */
  readonly path: string;
  /** The first half of an error sentence. It says that the program does not run as root. */
  readonly refusal: string;
  /**
   * The product that contains the program. An error tells the operator to install this product elsewhere when the
   * program's user cannot reach it.
   */
  readonly product: string;
  /** The setting with which an operator names another server, so that this program is not started. */
  readonly setting: string;
}

export interface Unprivileged {
  /**
   * Makes the user of the programs the owner of a file, or of a directory with everything in it. Does nothing when this
   * process is not root.
   */
  own(path: string): void;
  /**
   * Starts a program with `directory` as its working directory, and with a short environment of its own in place of
   * that of this process. The program's user need not be able to reach the directory by its path.
   */
  spawn(program: string, args: readonly string[], directory: string, stdio: StdioOptions): ChildProcess;
  /** The path by which a program reaches `directory`, its working directory. */
  here(directory: string): string;
}

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

// The programs do not get the environment of this process, because it holds secrets, and because a foreign locale would
// make PostgreSQL translate its messages.
const env = { LC_ALL: "C", PATH: "/usr/local/bin:/usr/bin:/bin" };

/**
 * The users that a server may run as, the preferred one first. `nobody` is not among them, because other programs that
 * run as `nobody` could read the files of our servers. initdb needs a user that has a name.
 */
const names = ["eventwire", "postgres", "daemon"];

/**
 * Chooses the user for a program. Without root, that is the user of this process. With root, the owner of `directory`
 * is chosen when the directory exists and does not belong to root or `nobody`. Otherwise the first existing user of
 * `names` is chosen. Throws a sentence when there is none, or when the user cannot reach the program.
 */
export function createUnprivileged(directory: string, program: ServerProgram): Unprivileged {
  const { refusal, setting } = program;
  // A server gets a session of its own, so that Ctrl+C on the terminal reaches only Eventwire. Eventwire itself stops
  // its servers last.
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
    // A program enters its directory while it is still root, so the directories above may be closed to its user.
    here: () => "/proc/self/cwd",
  };
}

/**
 * The user that owns an existing directory, so that a restart uses the same user. Undefined when the directory does not
 * exist, or belongs to root or `nobody`.
 */
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

/**
 * The first directory on the way to `path`, from the root of the file system, that the user may not pass. Undefined
 * when the user may pass all of them.
 */
function closedDirectory(path: string, user: Pick<User, "uid" | "gid">): string | undefined {
  const directory = dirname(path);
  if (directory === path) return undefined;
  const { uid, gid, mode } = statSync(directory);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return closedDirectory(directory, user) ?? ((mode & bit) === 0 ? directory : undefined);
}

/**
 * Changes the owner of a file, or of a directory and everything in it. The files may belong to another user, for
 * example when root unpacked a backup. Links are not followed.
 */
function changeOwner(path: string, uid: number, gid: number): void {
  lchownSync(path, uid, gid);
  if (!lstatSync(path).isDirectory()) return;
  for (const entry of readdirSync(path)) changeOwner(join(path, entry), uid, gid);
}
