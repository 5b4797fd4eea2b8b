/** The limit of open files: too low a one is told, and one that is reached costs new connections and nothing else. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { resolve } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createTestDatabase } from "../support/postgres.js";
import { type Program, watchProgram } from "../support/program.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";

const main = resolve("dist/src/main.js");
const accountToken = "ta_test-of-the-program";
const full = "too many open files: the public port takes no connections";

/** `exec` keeps the process, and with it its number. */
function start(files: number, env: Record<string, string> = {}): Program {
  const script = `ulimit -n ${files} && exec "${process.execPath}" "${main}"`;
  return watchProgram("bash", ["-c", script], { PORT: "0", GRPC_PORT: "0", HOST: "127.0.0.1", ...env });
}

/** In seconds, of a process. */
function cpu({ child }: Program): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

it.each([64, 256])("a start that may open %i files ends with one sentence", async (files) => {
  const program = start(files);
  expect(await program.ended).toBe(1);
  expect(program.stdout).toBe("");
  expect(program.stderr).toMatch(
    new RegExp(`^eventwire: This process may open ${files} files and needs at least 512, [^\\n]+\\n$`),
  );
});

it("at the limit further connections are refused without work, and taken again when files are free", async () => {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const program = start(512, { DATABASE_URL: url, DATA_DIR: temporaryDirectory(), ACCOUNT_TOKEN: accountToken });
  await program.printed("Eventwire listens on");
  const [, base = "", service = ""] = /listens on (\S+) \(public\) and (\S+) /.exec(program.stdout) ?? [];
  const port = Number(new URL(base).port);
  const open: Socket[] = [];
  let refused = 0;
  for (let number = 0; number < 700; number++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => refused++);
    open.push(socket);
  }
  await program.printed(full);
  await until(() => refused > 0);
  const late = connect(port, "127.0.0.1");
  const [error] = await once(late, "error");
  expect(error.code).toBe("ECONNREFUSED");
  // The process itself has files left: this is a connection, too.
  expect((await fetch(`${service}/metrics`)).status).toBe(200);
  const before = cpu(program);
  await new Promise((done) => setTimeout(done, 2_000));
  // It took 0.24 to 0.7 s a second.
  expect(cpu(program) - before).toBeLessThan(0.5);

  for (const socket of open) socket.destroy();
  await program.printed("the public port takes connections again");
  expect((await fetch(`${base}/health`)).status).toBe(200);
  expect(program.stderr.split(full).length - 1).toBe(1);
  expect(program.stderr).toContain("most of the allowed open files are in use");
});
