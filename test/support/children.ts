/** The processes that a process has started. */

import { readFileSync } from "node:fs";
import { commandOf } from "../../src/machine/process.js";

/** Those whose command line has `program` in it. One that ends meanwhile is none. */
export function childrenOf(pid: number, program: string): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .map(Number)
    .filter((child) => commandOf(child)?.join(" ").includes(program));
}
