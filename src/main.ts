#!/usr/bin/env node
/** The program: looks whether it can run here, and only then loads the rest, whose many files may be more than it may open. */

import "./machine/file-limit.js";
import "./machine/runtime-check.js";

const { runCommandLine } = await import("./command-line.js");
await runCommandLine(process, process.env);
