/** The parts that the commands `eventwire account …` and `eventwire instance …` share, such as options and tables. */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { Account, Store } from "../store/store.js";

export interface CommandLine {
  /** Opens the store for one command. The command closes the store when it is done. */
  readonly open: () => Promise<Store>;
  readonly print: (line: string) => void;
  /** Returns the least length of a new instance's token, in characters. */
  readonly instanceTokenMinLength: () => number;
}

/**
 * Opens the store, runs `work` on it, prints the result, and closes the store in any case. Prints the result as JSON if
 * `json` is true, otherwise as the lines that `show` returns.
 */
export async function runCommand<T>(
  { open, print }: CommandLine,
  json: boolean | undefined,
  work: (store: Store) => Promise<T>,
  show: (result: T) => readonly string[],
): Promise<void> {
  const store = await open();
  try {
    const result = await work(store);
    if (json) print(JSON.stringify(result, undefined, 2));
    else for (const line of show(result)) print(line);
  } finally {
    await store.close();
  }
}

export function jsonOption(): Option {
  return new Option("--json", "print JSON");
}

/**
 * Makes the option `--token`. `lengthMin` returns the shortest length of a token, in characters. It is called only when
 * the user gives the option.
 */
export function tokenOption(lengthMin: () => number): Option {
  const meaning =
    "use this token in place of a generated one, which is safer: others on this machine can see arguments";
  return new Option("--token <token>", meaning).argParser((text) => {
    const shortest = lengthMin();
    const rule = `${shortest} to 128 visible ASCII characters`;
    if (/^[\x21-\x7e]{1,128}$/.test(text) && text.length >= shortest) return text;
    throw new InvalidArgumentError(`It must be ${rule}.`);
  });
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const graceMsMax = 7 * 86_400_000;

/**
 * Makes the option `--grace`, which says how long the old token works after a rotation. The command gets this time in
 * milliseconds.
 */
export function graceOption(): Option {
  const meaning = "how long the old token still works, up to 7d: sockets opened with it close at the end";
  return new Option("--grace <time>", meaning).default(0, "0").argParser((text) => {
    const [, amount, unit = "s"] = /^(\d{1,9})([smhd])$|^0$/.exec(text) ?? [];
    const ms = Number(amount ?? 0) * (unitMs[unit] ?? 0);
    if ((amount !== undefined || text === "0") && ms <= graceMsMax) return ms;
    throw new InvalidArgumentError("It must be a number with the unit s, m, h or d, such as 10m, and at most 7d.");
  });
}

/** Makes the output line that says until when the old token works. Without a grace there is no such line. */
export function showGrace(graceMs: number): string[] {
  return graceMs === 0 ? [] : [`until    ${new Date(Date.now() + graceMs).toISOString()} the old token works too`];
}

/** Makes the output lines of a command that has disconnected consumers while `nodes` nodes follow the database. */
export function showDisconnected(nodes: number): string[] {
  if (nodes === 0)
    return ["nodes         no node follows the database now; a node that runs all the same ends them when it is back"];
  return [
    `nodes         ${nodes} ${nodes === 1 ? "follows the database and closes" : "follow the database and close"} the connections now`,
    "              a node that is cut off from the database does so when it is back",
  ];
}

export function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description);
}

/**
 * Checks the name of an instance by the rule of the contract. No route could address an instance whose name breaks the
 * rule.
 */
export function parseInstanceName(text: string): string {
  const possible =
    /^[^ /\p{Cc}]([^/\p{Cc}]*[^ /\p{Cc}])?$/u.test(text) && [...text].length <= 100 && !/^\.\.?$/.test(text);
  if (possible) return text;
  throw new InvalidArgumentError(
    "It must be 1 to 100 characters without a slash, control characters, leading or trailing space.",
  );
}

/**
 * Finds the account whose id or name is `wanted`. Without `wanted`, takes the only account. Revoked accounts do not
 * count. Throws when no account or more than one account fits.
 */
export async function chooseAccount(store: Store, wanted: string | undefined): Promise<Account> {
  const accounts = (await store.listAccounts()).filter(({ revokedAt }) => revokedAt === undefined);
  const found = wanted === undefined ? accounts : accounts.filter(({ id, name }) => id === wanted || name === wanted);
  const [account] = found;
  if (account === undefined) {
    throw new Error(wanted === undefined ? "There is no account." : `There is no account ${wanted}.`);
  }
  if (found.length > 1) throw new Error("There are several accounts: choose one by its id with --account.");
  return account;
}

/** Formats a head and rows as lines of text with aligned columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
