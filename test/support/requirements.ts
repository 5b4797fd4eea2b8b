/** What some tests need and not every machine has. A test that goes without says so at the end of the run. */

import { execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { expect, inject } from "vitest";

interface Requirement {
  readonly present: () => Promise<boolean>;
  /** Completes "to run it …". */
  readonly remedy: string;
}

/** Where Debian keeps the sources of Go libraries. */
export const goPath = "/usr/share/gocode";

const requirements = {
  chromium: program("chromium", ["--version"]),
  curl: program("curl", ["--version"]),
  "docker-compose": program("docker-compose", ["version"]),
  go: program("go", ["version"], "golang-go"),
  /** Debian's source of a Go library, which needs no network to build. */
  "go-websocket": program(
    "test",
    ["-d", `${goPath}/src/github.com/gorilla/websocket`],
    "golang-github-gorilla-websocket-dev",
  ),
  haproxy: program("haproxy", ["-v"]),
  caddy: program("caddy", ["version"]),
  "nats-server": program("nats-server", ["--version"]),
  nginx: program("nginx", ["-v"], "nginx-light"),
  pgbouncer: program("pgbouncer", ["--version"]),
  promtool: program("promtool", ["--version"], "prometheus"),
  python3: program("python3", ["--version"]),
  /** Debian's Python, whatever comes first on the path. */
  "python3-websockets": program("/usr/bin/python3", ["-c", "import websockets"], "python3-websockets"),
  "python3-requests": program("/usr/bin/python3", ["-c", "import requests"], "python3-requests"),
  root: {
    present: async () => process.getuid?.() === 0,
    remedy: "run the suite as root",
  },
  script: program("script", ["--version"], "bsdutils"),
  /** A disk that is full when the test wants it to be. */
  tmpfs: {
    present: async () => {
      const directory = mkdtempSync(join(tmpdir(), "eventwire-tmpfs-"));
      const mounted = await program("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory]).present();
      if (mounted) await program("umount", [directory]).present();
      rmdirSync(directory);
      return mounted;
    },
    remedy: "run the suite as root, where it may mount a tmpfs",
  },
  "systemd-analyze": program("systemd-analyze", ["--version"], "systemd"),
} as const satisfies Record<string, Requirement>;

export type RequirementName = keyof typeof requirements;

/**
 * Whether something is missing. To be asked while the tests of a file are collected, for `skipIf`. With
 * `EVENTWIRE_REQUIRE=all` it throws instead, so that the file fails.
 */
export async function lacks(...names: readonly RequirementName[]): Promise<boolean> {
  const missing: RequirementName[] = [];
  for (const name of names) if (!(await requirements[name].present())) missing.push(name);
  if (missing.length === 0) return false;
  const remedies = [...new Set(missing.map((name) => requirements[name].remedy))].join(" and ");
  const sentence = `${relative(process.cwd(), expect.getState().testPath ?? "")} needs ${missing.join(" and ")}: to run it, ${remedies}.`;
  if (inject("everythingRequired")) throw new Error(sentence);
  appendFileSync(inject("skippedSuites"), `${sentence}\n`);
  return true;
}

function program(name: string, args: readonly string[], debianPackage = name): Requirement {
  return {
    present: () =>
      new Promise((resolve) => {
        execFile(name, args, (error) => resolve(error === null));
      }),
    remedy: `apt-get install ${debianPackage}`,
  };
}
