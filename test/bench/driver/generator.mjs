/** Builds the load generator when its sources changed, and talks to it: one command, one line of JSON. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { loadCore } from "./machine.mjs";
import { kill, start } from "./processes.mjs";

const sources = fileURLToPath(new URL("../load/", import.meta.url));
export const cache = fileURLToPath(new URL("../.cache/", import.meta.url));

function build() {
  const names = readdirSync(sources).sort();
  const hash = createHash("sha256");
  for (const name of names) hash.update(readFileSync(sources + name));
  const program = `${cache}wsload-${hash.digest("hex").slice(0, 12)}`;
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const files = names.filter((name) => name.endsWith(".c")).map((name) => sources + name);
  execFileSync("cc", ["-O2", "-o", program, ...files]);
  return program;
}

/**
 * @typedef {object} Generator
 * @property {(command: string, timeoutMs?: number) => Promise<any>} ask
 * @property {() => Promise<void>} close
 */

/**
 * @param {Record<string, string | number>} options as in load/main.c
 * @returns {Generator}
 */
export function startGenerator(options) {
  const words = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  const child = start(loadCore, [build(), ...words], { stdin: "pipe" });
  child.stdin.on("error", () => {});
  /** @type {((answer: any) => void)[]} */
  const waiting = [];
  createInterface(child.stdout).on("line", (line) => waiting.shift()?.(JSON.parse(line)));
  return {
    ask(command, timeoutMs = 60_000) {
      return new Promise((resolve, reject) => {
        const late = () => reject(new Error(`no answer to "${command}" within ${timeoutMs} ms ${child.log}`));
        const timer = setTimeout(late, timeoutMs);
        waiting.push((answer) => {
          clearTimeout(timer);
          resolve(answer);
        });
        child.stdin.write(`${command}\n`);
      });
    },
    close: () => kill(child),
  };
}
