/** `npm start` as people use it: in the background of a shell, stopped by the process that they know of. */

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { watchProgram } from "../support/program.js";
import { temporaryDirectory } from "../support/temporary.js";

/** The program is built already, and other tests are using it. */
async function startByNpm() {
  const env = { HOST: "127.0.0.1", PORT: "0", GRPC_PORT: "0", DATA_DIR: temporaryDirectory() };
  const npm = watchProgram("npm", ["start", "--ignore-scripts"], env);
  await npm.printed("Eventwire listens on");
  const [, url = ""] = /listens on (\S+) \(public\)/.exec(npm.stdout) ?? [];
  return { npm, url };
}

it("npm start ends the server when npm gets SIGTERM, and frees its ports", { timeout: 120_000 }, async () => {
  const { npm, url } = await startByNpm();
  expect((await fetch(`${url}/health`)).status).toBe(200);
  npm.kill("SIGTERM");
  await npm.ended;
  await expect(fetch(`${url}/health`)).rejects.toThrow();
  expect(npm.stderr).toContain('"msg":"stopped"');
});

it("the server that npm start has started outlives SIGHUP, without a certificate too", {
  timeout: 120_000,
}, async () => {
  const { npm, url } = await startByNpm();
  const { pid } = npm.child;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  for (const child of children) process.kill(Number(child), "SIGHUP");
  await npm.printed("reading the certificate and the log level anew");
  expect((await fetch(`${url}/health`)).status).toBe(200);
});
