/**
 * The command line of the program. The command `serve` starts the server. The commands `tail` and `publish` speak to a
 * running service. The other commands manage accounts, instances and the encryption key.
 */

import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { Command } from "commander";
import { addAccountCommands } from "./cli/account-commands.js";
import type { CommandLine } from "./cli/command.js";
import type { GatewayLine } from "./cli/gateway.js";
import { addInstanceCommands } from "./cli/instance-commands.js";
import { addKeyCommands } from "./cli/key-commands.js";
import { addPublishCommand } from "./cli/publish-command.js";
import { addTailCommand } from "./cli/tail-command.js";
import { addWebhookCommands } from "./cli/webhook-commands.js";
import { createLogger } from "./observability/log.js";
import { serve } from "./serve.js";
import { readClientSettings, readSettings } from "./settings/settings.js";
import { openCommandStore } from "./store/open-store.js";
import { rotateEncryptionKey } from "./store/postgres/key-rotation.js";

/**
 * Runs one command with the settings in `env`. When the command fails, prints the error and ends the process with code
 * 1.
 */
export async function runCommandLine(self: Omit<NodeJS.Process, "env">, env: NodeJS.ProcessEnv): Promise<void> {
  function readOptions() {
    const settings = readSettings(env);
    const logger = createLogger({ level: settings.logLevel, readable: self.stderr.isTTY === true });
    return { ...settings, logger };
  }

  const line: CommandLine = {
    open: async () => openCommandStore(readOptions()),
    print: (text) => void self.stdout.write(`${text}\n`),
    instanceTokenMinLength: () => readSettings(env).instanceTokenMinLength,
  };

  const gatewayLine: GatewayLine = {
    settings: () => readClientSettings(env),
    stdin: self.stdin,
    stdout: self.stdout,
    stderr: self.stderr,
    exitWith: (code) => {
      self.exitCode = code;
    },
    onStop(stop) {
      const stops = (["SIGINT", "SIGTERM"] as const).map((signal) => {
        const listener = (): void => stop(128 + constants.signals[signal]);
        self.on(signal, listener);
        return () => void self.off(signal, listener);
      });
      return () => {
        for (const unstop of stops) unstop();
      };
    },
  };

  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

  const program = new Command("eventwire")
    .description(
      "Publish over gRPC, Connect or REST; deliver to open WebSockets and webhooks. Settings are environment variables.",
    )
    .version(version)
    .showHelpAfterError();

  program
    .command("serve")
    .description("start the server (the default)")
    .action(() => serve(self, env));
  addAccountCommands(program, line);
  addInstanceCommands(program, line);
  addWebhookCommands(program, line);
  addTailCommand(program, gatewayLine);
  addPublishCommand(program, gatewayLine);
  addKeyCommands(program, { rotate: async () => rotateEncryptionKey(readOptions()), print: line.print });

  try {
    // `serve` is not the default command of the parser, because `serve` would then take the name of an unknown command
    // for an argument of `serve`.
    const given = self.argv.slice(2);
    await program.parseAsync(given.length === 0 ? ["serve"] : given, { from: "user" });
  } catch (error) {
    self.stderr.write(`eventwire: ${error instanceof Error ? error.message : String(error)}\n`);
    self.exit(1);
  }
}
