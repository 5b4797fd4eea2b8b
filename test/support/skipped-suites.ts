/** Prints a line for every suite that was skipped, after the results; `EVENTWIRE_REQUIRE=all` makes a skip a failure. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    everythingRequired: boolean;
    /** The file that collects a line per skipped suite. */
    skippedSuites: string;
  }
}

export default function setup(project: TestProject): () => void {
  const { EVENTWIRE_REQUIRE: required = "" } = process.env;
  if (!["", "all"].includes(required)) throw new Error(`EVENTWIRE_REQUIRE is "${required}", but must be all or unset.`);
  const directory = mkdtempSync(join(tmpdir(), "eventwire-skipped-"));
  const file = join(directory, "suites");
  writeFileSync(file, "");
  project.provide("everythingRequired", required === "all");
  project.provide("skippedSuites", file);
  return () => {
    const lines = [...new Set(readFileSync(file, "utf8").split("\n"))].filter((line) => line !== "").sort();
    rmSync(directory, { recursive: true });
    for (const line of lines) process.stdout.write(`Skipped: ${line}\n`);
    if (lines.length === 0) process.stdout.write("No suite was skipped.\n");
  };
}
