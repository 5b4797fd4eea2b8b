/** `npm start` as people use it: in the background of a shell, stopped by the process that they know of. */

import { expect, it } from "vitest";
import { watchProgram } from "../support/program.js";
import { temporaryDirectory } from "../support/temporary.js";

it("npm start ends the server when npm gets SIGTERM, and frees its ports", { timeout: 120_000 }, async () => {
  const env = { HOST: "127.0.0.1", PORT: "0", GRPC_PORT: "0", DATA_DIR: temporaryDirectory() };
  // The program is built already, and other tests are using it.
  const npm = watchProgram("npm", ["start", "--ignore-scripts"], env);
  await npm.printed("Eventwire listens on");
  const [, url = ""] = /listens on (\S+) \(public\)/.exec(npm.stdout) ?? [];
  expect((await fetch(`${url}/health`)).status).toBe(200);
  npm.kill("SIGTERM");
  await npm.ended;
  await expect(fetch(`${url}/health`)).rejects.toThrow();
  expect(npm.stderr).toContain('"msg":"stopped"');
});
