#!/usr/bin/env node
/**
 * The entry of the program. Checks whether the program can run on this machine, and only then loads the other modules:
 * loading them opens some 300 files, which a low limit on open files would not allow.
 */

import "./machine/file-limit.js";
import "./machine/runtime-check.js";

const { runCommandLine } = await import("./command-line.js");
await runCommandLine(process, process.env);
