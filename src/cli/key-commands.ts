/** `eventwire key …`: changes the key that encrypts the instance tokens. */

import type { Command } from "commander";
import { type CommandLine, group } from "./command.js";

export interface KeyCommandLine extends Pick<CommandLine, "print"> {
  /** `tokens` is undefined when the new key was in force already. `keyFile` is undefined when the new key was given. */
  readonly rotate: () => Promise<{ readonly tokens: number | undefined; readonly keyFile: string | undefined }>;
}

export function addKeyCommands(program: Command, { rotate, print }: KeyCommandLine): void {
  group(program, "key", "change the key that instance tokens are encrypted with")
    .command("rotate")
    .description(
      "encrypt all instance tokens with NEW_ENCRYPTION_KEY, or with a new key file; every node must be stopped",
    )
    .action(async () => {
      const { tokens, keyFile } = await rotate();
      print(tokens === undefined ? "The new key is in force already." : `Instance tokens encrypted anew: ${tokens}.`);
      print(
        keyFile === undefined
          ? "Set ENCRYPTION_KEY to the new key for every node, then start them."
          : `The new key is in ${keyFile}, the old one in ${keyFile}.old. Nodes with another DATA_DIR need the file too.`,
      );
      print("Backups that were made before need the old key.");
    });
}
