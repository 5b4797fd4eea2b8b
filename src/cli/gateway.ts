/** The parts that the commands `tail` and `publish` share: their options, and the URL and the token of the service. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { readSecret } from "../machine/secret-file.js";

/** The values of EVENTWIRE_URL and EVENTWIRE_TOKEN in the environment. */
export interface GatewaySettings {
  readonly url: string;
  readonly token: string | undefined;
}

/** What these commands need of the process. */
export interface GatewayLine {
  /** Reads the settings of these commands. */
  readonly settings: () => GatewaySettings;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /**
   * Until the returned function is called, SIGINT and SIGTERM do not end the process. They call `stop` with the exit
   * code for that signal.
   */
  readonly onStop: (stop: (exitCode: number) => void) => () => void;
  /** Sets the code with which the process will end. Does not end the process. */
  readonly exitWith: (code: number) => void;
}

export interface GatewayOptions {
  url?: string;
  tokenFile?: string;
  json?: boolean;
}

/**
 * Adds `--url`, `--token-file` and `--json`; `json` explains the last. There is no option for the token, because others
 * on the machine can see arguments.
 */
export function addGatewayOptions(command: Command, json: string): Command {
  return command
    .addOption(new Option("--url <url>", "the gateway (default: EVENTWIRE_URL)").argParser(parseUrl))
    .option("--token-file <file>", "file of mode 0600 with the token, in place of EVENTWIRE_TOKEN")
    .option("--json", json);
}

/**
 * Returns the URL and the token of the service. An option wins over the environment. Throws one sentence when there is
 * no token.
 */
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
