#!/usr/bin/env node
/** The command line: starts the server and stops it on a signal, or looks after accounts and instances. */

import { Command } from "commander";
import { serve } from "./serve.js";

const program = new Command("eventwire")
  .description("Publish over gRPC, Connect or REST; deliver to every open WebSocket.")
  .showHelpAfterError();

program
  .command("serve", { isDefault: true })
  .description("start the server (the default)")
  .action(() => serve(process));

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`eventwire: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
