/** What the commands share that speak to a running service: its URL, the token, and where they read and print. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { readSecret } from "../machine/secret-file.js";

/** The values of the environment. */
export interface GatewaySettings {
  readonly url: string;
  readonly token: string | undefined;
}

export interface GatewayLine {
  /** Reads the settings of these commands. */
  readonly settings: () => GatewaySettings;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Calls `stop` at SIGINT and SIGTERM, in place of the end of the process, until the returned function is called. */
  readonly onStop: (stop: (exitCode: number) => void) => () => void;
  readonly exitWith: (code: number) => void;
}

export interface GatewayOptions {
  url?: string;
  tokenFile?: string;
  json?: boolean;
}

/** Adds `--url`, `--token-file` and `--json`. There is no option for the token: others can see the arguments. */
export function addGatewayOptions(command: Command, json: string): Command {
  return command
    .addOption(new Option("--url <url>", "the gateway (default: EVENTWIRE_URL)").argParser(parseUrl))
    .option("--token-file <file>", "file of mode 0600 with the token, in place of EVENTWIRE_TOKEN")
    .option("--json", json);
}

/** Throws a sentence when no token is given. */
export function readGateway(settings: GatewaySettings, { url, tokenFile }: GatewayOptions) {
  const token = tokenFile === undefined ? settings.token : readSecret(tokenFile);
  if (token === undefined) throw new Error("A token is needed: set EVENTWIRE_TOKEN, or name a file with --token-file.");
  return { url: url ?? settings.url, token };
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && !/[?#]/.test(text)) return text;
  throw new InvalidArgumentError("It must be an http or https URL without user, query and fragment.");
}
