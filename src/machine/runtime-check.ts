/**
 * Ends the process with one sentence and the exit code 1 when uWebSockets.js cannot run here. uWebSockets.js has
 * binaries for some versions of Node.js only, and without a fitting binary its import ends in a stack trace. So import
 * this module before all others.
 */

// This import sets a variable that uWebSockets.js reads when it is loaded, so it comes before the import of
// uWebSockets.js.
import "../transport/uws/head-limit.js";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const remedies =
  "Start it with `npx -y -p node@22 npm start`, use the image of deploy/Dockerfile, or install the official build of " +
  "uWebSockets.js, which needs glibc 2.38 (README, Versions of Node.js).";

const problem = findProblem();
if (problem !== undefined) {
  process.stderr.write(`eventwire: ${problem} ${remedies}\n`);
  process.exit(1);
}

/** Why uWebSockets.js cannot be loaded, as a sentence. Undefined when it can be loaded. */
function findProblem(): string | undefined {
  const { platform, arch, versions } = process;
  const system = `${platform} ${arch}`;
  if (platform === "linux" && isMusl()) return "uWebSockets.js needs glibc, and this system has another C library.";
  const name = `uws_${platform}_${arch}_${versions.modules}.node`;
  const library = import.meta.resolve("uWebSockets.js");
  // The build of uWebSockets.js that we pin keeps its binaries in the folder `bin`. The official build keeps them
  // beside its code.
  const binary = [`./bin/${name}`, `./${name}`]
    .map((path) => fileURLToPath(new URL(path, library)))
    .find((path) => existsSync(path));
  if (binary === undefined)
    return `Eventwire runs on Node.js 20 and 22: the installed build of uWebSockets.js has no binary for Node.js ${versions.node} on ${system}.`;
  try {
    createRequire(import.meta.url)(binary);
  } catch (error) {
    const [needed] = /GLIBC_[\d.]+/.exec(String(error)) ?? [];
    const why = needed === undefined ? "" : `: it needs ${needed.replace("_", " ")}`;
    return `The installed build of uWebSockets.js cannot be loaded on ${system}${why}.`;
  }
  return undefined;
}

function isMusl(): boolean {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined;
}
