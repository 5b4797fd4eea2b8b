/** The commands of the program, beside a running server and without one. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
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
  const first = await startServerProgram({ DATA_DIR });
  first.kill("SIGTERM");
  await first.ended;
  const made = await run(["account", "create", "shop", "--token", accountToken], { DATA_DIR });
  expect(made).toMatchObject({ code: 0, stderr: "" });
  const server = await startServerProgram({ DATA_DIR });
  expect(server.stdout).not.toContain("first account");
  const client = createRestClient(server.url, accountToken);
  expect(await client.call("GET", "/api/instance/list")).toMatchObject({ status: 200 });
});

it.each([
  ["account", "list"],
  ["account", "create", "shop"],
  ["instance", "list"],
  ["key", "rotate"],
])("make no database and no key where there is none: %s %s", async (...args) => {
  const parent = temporaryDirectory();
  const DATA_DIR = join(parent, "data");
  expect(await run(args, { DATA_DIR })).toEqual({
    code: 1,
    stdout: "",
    stderr: `eventwire: There is no database in the data directory ${DATA_DIR}: set DATA_DIR or DATABASE_URL as for the service, which makes it at its first start.\n`,
  });
  expect(readdirSync(parent)).toEqual([]);
});

it("make no key in another directory than that of the service, and say that theirs is missing", async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const DATA_DIR = temporaryDirectory();
  const server = await startServerProgram({ DATABASE_URL: url, DATA_DIR });
  const elsewhere = temporaryDirectory();
  for (const args of [
    ["account", "list"],
    ["key", "rotate"],
  ]) {
    const { code, stderr } = await run(args, { DATABASE_URL: url, DATA_DIR: elsewhere });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^eventwire: .*DATA_DIR.*\n$/);
  }
  server.kill("SIGTERM");
  await server.ended;
  const second = startProgram([], { DATABASE_URL: url, DATA_DIR: elsewhere, PORT: "0", GRPC_PORT: "0" });
  expect(await second.ended).toBe(1);
  expect(second.stderr).toContain("eventwire: The key that tokens are encrypted with is missing: ");
  expect(readdirSync(elsewhere)).toEqual([]);
});

it.each([
  [["acount", "list"], /unknown command 'acount'\n\(Did you mean account\?\)/],
  [["start"], /unknown command 'start'/],
  [["serve", "now"], /too many arguments for 'serve'/],
  [["--prot", "80"], /unknown option '--prot'/],
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
  for (const command of ["serve", "tail", "publish", "account", "instance", "key"])
    expect(stdout).toContain(`  ${command} `);
});
