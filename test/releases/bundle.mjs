/**
 * Makes `eventwire-<version>.js.gz`: the program of an older release as one file, for the tests of a rolling upgrade.
 * Run it as `node test/releases/bundle.mjs <commit>` where git has the commit. The packages that the program imports are
 * not in the file: it runs with those of this checkout. The file for 0.1.0 is commit 56c6e714, the last of that release.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const [commit = "56c6e714"] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "eventwire-release-"));
const sources = execFileSync("git", ["archive", commit, "src", "gen", "package.json"], { maxBuffer: 2 ** 28 });
execFileSync("tar", ["x", "-C", directory], { input: sources });
const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
const external = (id) => !id.startsWith(".") && !id.startsWith("/");
const bundle = await rolldown({ input: join(directory, "src/main.ts"), platform: "node", external });
const { output } = await bundle.generate({ format: "es", minify: true, codeSplitting: false });
writeFileSync(new URL(`eventwire-${version}.js.gz`, import.meta.url), gzipSync(output[0].code, { level: 9 }));
rmSync(directory, { recursive: true });
