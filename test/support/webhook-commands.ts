/** Runs commands `eventwire webhook …` on the database of a running server. */

import { Command } from "commander";
import { addWebhookCommands } from "../../src/cli/webhook-commands.js";
import type { PublicServer } from "./public-server.js";

/** The lines that a command prints. Rejects where the command would end with an error. */
export async function runWebhookCommand(server: PublicServer, ...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  await server.operate(async (store) => {
    const program = new Command("eventwire").exitOverride().configureOutput({ writeErr: () => {} });
    const open = async () => ({ ...store, close: async () => {} });
    addWebhookCommands(program, { open, print: (text) => void lines.push(text), instanceTokenMinLength: () => 8 });
    for (const command of program.commands.flatMap(({ commands }) => commands)) {
      command.exitOverride().configureOutput({ writeErr: () => {} });
    }
    await program.parseAsync(["webhook", ...args], { from: "user" });
  });
  return lines;
}
