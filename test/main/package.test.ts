/** The package that `npm pack` makes: what is in it, and that it runs where nothing else is. */

import { execFile } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { watchProgram } from "../support/program.js";
import { temporaryDirectory } from "../support/temporary.js";

const run = promisify(execFile);

const manifest = JSON.parse(readFileSync("package.json", "utf8"));

/** A program of somebody who has installed the package, with nothing but the types of browsers. */
const consumer = `
  import { type Connection, connect } from "eventwire/client";
  import { createPublisher } from "eventwire/client/publish";
  const connection: Connection = connect({ url: "http://127.0.0.1:1", instance: "desk-1", token: "ti_token" });
  connection.close();
  await createPublisher({ url: "http://127.0.0.1:1", token: "ta_token" }).close();
  console.log((await connection.closed).reason);
`;

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** Without the scripts of the package: they would build anew what other tests are running. */
async function pack(...args: readonly string[]): Promise<Packed> {
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", ...args]);
  return JSON.parse(stdout)[0];
}

describe("the package", () => {
  let packed: Packed;
  let paths: string[];
  beforeAll(async () => {
    packed = await pack("--dry-run");
    paths = packed.files.map(({ path }) => path);
  });

  it("has the program, what its clients are made of, and what its operators read", () => {
    expect(paths).toEqual(
      expect.arrayContaining([
        "package.json",
        "dist/src/main.js",
        "dist/src/client/browser.js",
        "dist/src/client/browser.d.ts",
        "dist/src/client/node/connect.js",
        "dist/src/client/node/publisher.d.ts",
        "gen/api.md",
        "gen/openapi.json",
        "proto/eventwire/v1/event_service.proto",
        "proto/vendor/buf/validate/validate.proto",
        "docs/CLIENT.md",
        "docs/SETTINGS.md",
        "deploy/eventwire.service",
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE",
        "NOTICE",
      ]),
    );
  });

  it("has nothing else: no sources, no tests, no maps, no types but those of the client, no secrets", () => {
    const expected =
      /^(dist\/.+(?<!\.d)\.(js|json|md|txt)|dist\/(src\/client|gen)\/[\w/-]+\.d\.ts|gen\/[^/]+\.(json|md)|proto\/(eventwire|vendor)\/.+\.proto|docs\/.+|deploy\/.+)$/;
    const top = /^(package\.json|(README|CHANGELOG|SECURITY)\.md|LICENSE|NOTICE)$/;
    expect(paths.filter((path) => !expected.test(path) && !top.test(path))).toEqual([]);
    expect(paths.filter((path) => /(^|\/)\.env$|\.key$|\.log$/.test(path))).toEqual([]);
  });

  it("is small", () => {
    expect(packed.size).toBeLessThan(2 * 1024 * 1024);
  });

  it("asks for exact versions only", () => {
    for (const [name, version] of Object.entries<string>({ ...manifest.dependencies, ...manifest.devDependencies }))
      expect(version, name).toMatch(/^(npm:[a-z-]+@)?\d+\.\d+\.\d+(-[a-z0-9.]+)?$/);
  });

  it("may be published", () => {
    expect(manifest).not.toHaveProperty("private");
    expect(manifest).toMatchObject({ name: "eventwire", license: "Apache-2.0", engines: { node: expect.any(String) } });
  });
});

it("installed into an empty directory, it starts there with a database of its own", { timeout: 300_000 }, async () => {
  const packs = temporaryDirectory();
  const { filename } = await pack("--pack-destination", packs);
  const home = temporaryDirectory();
  // Where the suite runs as root, PostgreSQL runs as another user, who must get to its programs.
  chmodSync(home, 0o755);
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", join(packs, filename)], { cwd: home });
  const program = join(home, "node_modules/.bin/eventwire");
  expect((await run(program, ["--version"])).stdout).toBe(`${manifest.version}\n`);

  writeFileSync(join(home, "consumer.mts"), consumer);
  const types = ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"];
  await run(resolve("node_modules/.bin/tsc"), [...types, "consumer.mts"], { cwd: home });
  expect((await run(process.execPath, [join(home, "consumer.mjs")])).stdout).toBe("closed by the client\n");

  const env = { HOST: "127.0.0.1", PORT: "0", GRPC_PORT: "0" };
  const server = watchProgram("sh", ["-c", 'cd "$1" && exec "$2"', "sh", home, program], env);
  await server.printed("Eventwire listens on");
  const [, url = ""] = /listens on (\S+) \(public\)/.exec(server.stdout) ?? [];
  const health = await fetch(`${url}/health`);
  expect([health.status, await health.json()]).toMatchObject([200, { status: "ok", checks: { db: "ok" } }]);
  expect((await fetch(`${url}/llms.txt`)).status).toBe(200);
  for (const path of ["/llms.txt", "/asyncapi.json", "/docs/README.md"])
    expect((await fetch(`${url}${path}`)).status, path).toBe(200);
});
