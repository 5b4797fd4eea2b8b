/** CONTRIBUTING.md is right: what it names exists, and who follows its steps arrives. */

import { execFile } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { eventTypes } from "../src/domain/event-type.js";
import { temporaryDirectory } from "./support/temporary.js";

const guide = readFileSync("CONTRIBUTING.md", "utf8");

/** What stands under a heading of the third level. */
function section(title: string): string {
  const [, text] = guide.split(`\n### ${title}\n`);
  if (text === undefined) throw new Error(`CONTRIBUTING.md has no section "${title}"`);
  return text.split(/\n##+ /)[0] ?? "";
}

describe("CONTRIBUTING.md", () => {
  it.each(["an event type", "a route with a table", "a frame field for those who ask", "a channel"])(
    "says where to add %s, in steps that each name a file",
    (thing) => {
      const steps = section(`Add ${thing}`)
        .split(/^\d+\. /m)
        .slice(1);
      expect(steps.length).toBeGreaterThan(1);
      for (const step of steps) expect(step).toMatch(/^`[\w./<>-]+`|^Generate/);
    },
  );

  it("names files, folders and scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
    for (const [, script = ""] of guide.matchAll(/npm run ([a-z]+)/g)) expect(scripts, script).toHaveProperty(script);
    const paths = guide.matchAll(/(?<![\w/.-])(?:src|test|proto|docs|gen|deploy|\.ci|\.github)\/[\w./<>-]*[\w/>]/g);
    const links = guide.matchAll(/\]\(([^)#]+)\)/g);
    // A name in angle brackets is the reader's own.
    const named = [...paths, ...links].map(([path, target = path]) => target).filter((path) => !path.includes("<"));
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe("an event type that is added by its steps", () => {
  const steps = [...section("Add an event type").matchAll(/^\d\. `([^`]+)`:[\s\S]*?```\w+\n\s*(.+)\n/gm)].map(
    ([, file = "", line = ""]) => ({ file, line: line.replace(/ = \d+ /, ` = ${eventTypes.length + 1} `) }),
  );
  const commands = /```bash\n([\s\S]*?)```/.exec(section("Add an event type"))?.[1] ?? "";

  it("is one line of the contract and one of the domain, and everything else follows", {
    timeout: 600_000,
  }, async () => {
    expect(steps.map(({ file }) => file)).toEqual(["proto/eventwire/v1/event_type.proto", "src/domain/event-type.ts"]);
    const tree = copyOfTree();
    const [contract, domain] = steps;

    if (contract !== undefined) addLine(tree, contract);
    const half = await inTree(tree, "npm run generate && npx vitest run test/event-types.test.ts");
    expect(half.output).toContain("are those of src/domain/event-type.ts, in the same order");
    expect(half.code, "a forgotten line is found").not.toBe(0);

    if (domain !== undefined) addLine(tree, domain);
    const whole = await inTree(tree, `set -e\n${commands}`);
    expect(whole.code, whole.output).toBe(0);
    const written = changedFiles(tree).filter((file) => !isGenerated(file));
    expect(written).toEqual(steps.map(({ file }) => file));
    for (const { file, line } of steps) expect(readFileSync(join(tree, file), "utf8")).toContain(line);
    expect(readFileSync(join(tree, "gen/api.md"), "utf8")).toContain("| `weather.report` |");
  });
});

const ownEntries = new Set([".git", "node_modules", "dist", "data"]);

/** Without what is installed, built or kept by a running service; the installed packages are shared. */
function copyOfTree(): string {
  const tree = temporaryDirectory();
  for (const entry of readdirSync(".")) {
    if (!ownEntries.has(entry)) cpSync(entry, join(tree, entry), { recursive: true });
  }
  symlinkSync(resolve("node_modules"), join(tree, "node_modules"));
  return tree;
}

/** After the line of the last type. */
function addLine(tree: string, { file, line }: { file: string; line: string }): void {
  const path = join(tree, file);
  const lines = readFileSync(path, "utf8").split("\n");
  const last = lines.findLastIndex((text) => text.includes(`"${eventTypes.at(-1)}"`));
  lines.splice(last + 1, 0, `  ${line}`);
  writeFileSync(path, lines.join("\n"));
}

function inTree(tree: string, commands: string): Promise<{ readonly code: number; readonly output: string }> {
  // The suite that runs this must not be taken for that of the copy; its PostgreSQL serves both.
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    TEST_DATABASE_URL: inject("databaseServer"),
    NO_COLOR: "1",
  };
  return new Promise((done) => {
    const child = execFile("bash", ["-c", commands], { cwd: tree, env, maxBuffer: 2 ** 24 }, (_, stdout, stderr) =>
      done({ code: child.exitCode ?? -1, output: `${stdout}${stderr}` }),
    );
  });
}

/** Files of the copy that differ from those here, or are not here. */
function changedFiles(tree: string): string[] {
  return readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(tree, join(entry.parentPath, entry.name)))
    .filter((file) => !ownEntries.has(file.split("/")[0] ?? ""))
    .filter((file) => !existsSync(file) || !readFileSync(file).equals(readFileSync(join(tree, file))))
    .sort();
}

function isGenerated(file: string): boolean {
  return file.startsWith("gen/") || file === "docs/asyncapi.json";
}
