/** Where uWebSockets.js has no binary the program says so in one sentence. `.ci/run` proves it on Node.js 24 itself. */

import { expect, it } from "vitest";
import { startProgram } from "../support/program.js";

/** Runs before the program and makes the process look like one of another system. */
function pretending(code: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

it.each([
  [
    "a version of Node.js without a binary",
    'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "24.1.0", modules: "137" } })',
    /^eventwire: Eventwire runs on Node\.js 20 and 22: .* no binary for Node\.js 24\.1\.0 on .*npx -y -p node@22 npm start.*\n$/,
  ],
  [
    "a system without glibc",
    "process.report.getReport = () => ({ header: {} })",
    /^eventwire: uWebSockets\.js needs glibc, and this system has another C library\. .*\n$/,
  ],
])("on %s the program ends with a sentence and its remedies", async (_, code, sentence) => {
  const program = startProgram(["--version"], pretending(code));
  expect(await program.ended).toBe(1);
  expect(program.stderr).toMatch(sentence);
});
