/** The commands of the program, beside a running server and without one. */

import { readFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { createTestDatabase } from "../support/postgres.js";
import { startProgram, startServerProgram } from "../support/program.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

const accountToken = "ta_test-of-the-program";

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const program = startProgram(args, env);
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

it("make and revoke accounts that a server on the same data directory knows at once", async () => {
  const DATA_DIR = temporaryDirectory();
  const server = await startServerProgram({ DATA_DIR, ACCOUNT_TOKEN: accountToken });
  const made = await run(["account", "create", "shop", "--json"], { DATA_DIR });
  expect(made).toMatchObject({ code: 0, stderr: "" });
  const client = createRestClient(server.url, JSON.parse(made.stdout).token);
  await expect.poll(() => client.call("GET", "/api/instance/list")).toMatchObject({ status: 200 });

  expect(await run(["account", "revoke", "shop"], { DATA_DIR })).toMatchObject({ code: 0, stderr: "" });
  await expect.poll(() => client.call("GET", "/api/instance/list")).toMatchObject({ status: 401 });
});

it("work without a server, and leave none behind", async () => {
  const DATA_DIR = temporaryDirectory();
  const made = await run(["account", "create", "shop", "--token", accountToken], { DATA_DIR });
  expect(made).toMatchObject({ code: 0, stderr: "" });
  const server = await startServerProgram({ DATA_DIR });
  expect(server.stdout).not.toContain("first account");
  const client = createRestClient(server.url, accountToken);
  expect(await client.call("GET", "/api/instance/list")).toMatchObject({ status: 200 });
});

it.each([
  [["account", "revoke", "nobody"], /^eventwire: There is no account.*\.\n$/],
  [["account", "create", "shop", "--token", "short"], /8 to 128 visible ASCII characters/],
  [["account", "destroy"], /unknown command 'destroy'/],
])("%j ends with code 1 and says why", async (args, said) => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const { code, stderr } = await run(args, { DATABASE_URL: url, DATA_DIR: temporaryDirectory() });
  expect(code).toBe(1);
  expect(stderr).toMatch(said);
});

it("tell their version and what there is", async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(await run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  const { code, stdout } = await run(["--help"]);
  expect(code).toBe(0);
  for (const command of ["serve", "account", "instance", "key"]) expect(stdout).toContain(`  ${command} `);
});
