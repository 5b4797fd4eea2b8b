/** The program of the release before, as its users run it: see `test/releases/bundle.mjs`. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";

export const olderVersion = "0.1.0";

/** Unpacks the program into a directory of its own, until `remove` is called. */
export function unpackOlderRelease(): { readonly file: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), "eventwire-older-"));
  mkdirSync(join(directory, "dist/src"), { recursive: true });
  symlinkSync(resolve("node_modules"), join(directory, "node_modules"));
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module", version: olderVersion }));
  const file = join(directory, "dist/src/main.js");
  writeFileSync(file, gunzipSync(readFileSync(`test/releases/eventwire-${olderVersion}.js.gz`)));
  return { file, remove: () => rmSync(directory, { recursive: true }) };
}
