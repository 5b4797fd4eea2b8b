/** The files that the public repository is run by say what is so. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const read = (path: string): string => readFileSync(path, "utf8");
const workflow = read(".github/workflows/ci.yml");

describe("the CI workflow", () => {
  it("runs .ci/run for every push to main and every pull request", () => {
    expect(workflow).toMatch(/^on:\n {2}push:\n {4}branches: \[main\]\n(.*\n)*? {2}pull_request:\n/m);
    expect([...workflow.matchAll(/^\s+(?:- )?run: (.+)$/gm)].map(([, command]) => command).at(-1)).toBe(".ci/run");
  });

  it("may read the repository and nothing else", () => {
    expect(workflow).toMatch(/^permissions:\n {2}contents: read\n\n/m);
    expect(workflow.match(/permissions:/g)).toHaveLength(1);
    expect(workflow).toContain("persist-credentials: false");
    expect(workflow).not.toContain("secrets.");
    expect(workflow).not.toContain("pull_request_target");
  });

  it("takes each action by its major version", () => {
    const actions = [...workflow.matchAll(/uses: (\S+)/g)].map(([, action]) => action);
    expect(actions.length).toBeGreaterThan(0);
    for (const action of actions) expect(action).toMatch(/^actions\/[a-z-]+@v\d+$/);
  });
});

it("updates are proposed for every lock file and every image", () => {
  const proposed = [
    ...read(".github/dependabot.yml").matchAll(/ecosystem: (\S+)\n\s+director(?:y|ies): (.+)$/gm),
  ].flatMap(([, ecosystem, directories = ""]) =>
    directories
      .split(/[[\], ]+/)
      .filter(Boolean)
      .map((path) => `${ecosystem} ${path}`),
  );
  const kinds: readonly [RegExp, string][] = [
    [/(^|\/)package-lock\.json$/, "npm"],
    [/(^|\/)Dockerfile$/, "docker"],
    [/(^|\/)compose\.yaml$/, "docker-compose"],
  ];
  const needed = filesOf(["package-lock.json", "deploy", "test/bench"]).flatMap((path) =>
    kinds.filter(([name]) => name.test(path)).map(([, kind]) => `${kind} ${join("/", dirname(path))}`),
  );
  expect(proposed.sort()).toEqual([...needed, "github-actions /"].sort());
});

it("the version is the newest of the changelog, and that of the lock file", () => {
  const { version } = JSON.parse(read("package.json"));
  const lock = JSON.parse(read("package-lock.json"));
  expect([lock.version, lock.packages[""].version]).toEqual([version, version]);
  expect(/^## (\d+\.\d+\.\d+)/m.exec(read("CHANGELOG.md"))?.[1]).toBe(version);
});

it("no page or template sends a reader to a host, and none names a person", () => {
  const pages = [...filesOf([".github"]), "SECURITY.md", "docs/RELEASING.md"];
  for (const path of pages) expect(read(path), path).not.toMatch(/https?:\/\/|[\w.]+@[\w-]+\.[a-z]{2,}\b/);
});

/** Files, and those in folders, without installed packages. */
function filesOf(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (path.endsWith(".json")) return [path];
    return readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
      .map((entry) => join(entry.parentPath, entry.name));
  });
}
