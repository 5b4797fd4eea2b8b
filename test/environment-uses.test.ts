/** The check that the environment is left to the command line finds it under every name. */

import { describe, expect, it } from "vitest";
import { findEnvironmentUses } from "./support/environment-uses.js";

describe("a use of the environment", () => {
  it.each([
    "const port = process.env.PORT;",
    "const port = process.env['PORT'];",
    "const port = process?.env.PORT;",
    'const port = process["env"].PORT;',
    "const name = 'env'; const port = process[name];",
    "const { env } = process;",
    "const { env: settings } = process;",
    'const { ["env"]: settings } = process;',
    "const { pid, ...rest } = process;",
    "let env; ({ env } = process);",
    "const self = process;",
    "read(process);",
    "const holder = { process };",
    "export { process };",
    "function read({ env } = process) {}",
    "const port = (process as unknown as Record<string, object>).env;",
    "const port = globalThis.process.env.PORT;",
    "const port = global.process.env.PORT;",
    'const port = globalThis["process"].env.PORT;',
    "const { process: self } = globalThis;",
    "const all = globalThis;",
    'import process from "node:process";',
    'import self from "process";',
    'import { env } from "node:process";',
    'import * as self from "node:process";',
    'export { env } from "node:process";',
    'const { env } = await import("node:process");',
    "const { env } = await import(name);",
    'const self = createRequire(import.meta.url)("process");',
    'const self = process.getBuiltinModule("node:process");',
    "process.loadEnvFile();",
    'const text = readFileSync("/proc/self/environ", "utf8");',
    "const text = readFileSync(`/proc/$" + "{pid}/environ`);",
    "function start(self: NodeJS.Process) {}",
    "let self: typeof process;",
    "process.env.PORT ??= '1';",
    "const copy = (process.env.PORT = other);\nconst port = process.env.PORT;",
  ])("is found in %s", (source) => {
    expect(findEnvironmentUses(source).map(({ kind }) => kind)).toContain("read");
  });

  it("that sets a variable and reads none is told apart", () => {
    const uses = findEnvironmentUses('/** Why. */\nprocess.env.NAME = String(1);\nlog("process.env.NAME");');
    expect(uses).toEqual([{ line: 2, text: "process.env.NAME = String(1);", kind: "write" }]);
  });

  it.each([
    "const id = process.pid;",
    "const root = process.getuid?.() === 0;",
    "const { platform, arch, versions: known } = process;",
    'process.stderr.write("process.env");',
    "// process.env\nworker.process.kill();",
    "interface Worker { readonly process: ChildProcess }",
    "const row = { env: 'PORT', process: 1 }; read(row.env);",
    'import { isRunning } from "./process.js";',
    "globalThis.setTimeout(() => {}, 1);",
    'function start(self: Omit<NodeJS.Process, "env">, env: NodeJS.ProcessEnv) { return self.pid; }',
    'const binaries = createRequire(import.meta.url).resolve("package");',
  ])("is not found in %s", (source) => {
    expect(findEnvironmentUses(source)).toEqual([]);
  });
});
