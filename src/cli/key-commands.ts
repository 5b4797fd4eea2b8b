/**
 * The command `eventwire key rotate`. It replaces the key with which the instance tokens and the secrets of webhooks in
 * the database are encrypted.
 */

import type { Command } from "commander";
import { type CommandLine, group } from "./command.js";

export interface KeyCommandLine extends Pick<CommandLine, "print"> {
  /**
   * Replaces the encryption key. `tokens` is the number of tokens that were encrypted anew, or undefined when the new
   * key was in force already. `keyFile` is the file that holds the new key, or undefined when the operator gave the new
   * key in NEW_ENCRYPTION_KEY.
   */
  readonly rotate: () => Promise<{ readonly tokens: number | undefined; readonly keyFile: string | undefined }>;
}

export function addKeyCommands(program: Command, { rotate, print }: KeyCommandLine): void {
  group(program, "key", "change the key that instance tokens and webhook secrets are encrypted with")
    .command("rotate")
    .description(
      "encrypt all instance tokens and webhook secrets with NEW_ENCRYPTION_KEY, or with a new key file; every node must be stopped",
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
