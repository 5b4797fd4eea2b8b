import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { isRunning } from "../../src/machine/process.js";
import { type EmbeddedPostgres, openEmbeddedPostgres } from "../../src/store/embedded/embedded-postgres.js";
import { findPostmaster } from "../../src/store/embedded/postmaster.js";
import { query } from "../support/postgres.js";
import { lacks } from "../support/requirements.js";
import { silent } from "../support/store.js";

const lacksRoot = await lacks("root");

/** Set up once; the tests of a first start make their own. */
let directory: string;
const directories: string[] = [];
const opened: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];

beforeAll(() => makeDirectory());
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const server of opened.splice(0)) await server.close();
  directory = directories[0] as string;
});
afterAll(() => {
  for (const path of directories) rmSync(path, { recursive: true, force: true });
});

function makeDirectory(): void {
  // Closed for everybody but its owner, as home directories are.
  directory = mkdtempSync(join(tmpdir(), "eventwire-test-"));
  directories.push(directory);
}

async function open(options: { purpose?: string; shared?: boolean } = {}): Promise<EmbeddedPostgres> {
  const server = await openEmbeddedPostgres({
    dataDirectory: directory,
    purpose: "service",
    settings: ["fsync=off"],
    logger: silent,
    ...options,
  });
  opened.push(server);
  return server;
}

function postmasterPid(): number {
  return Number(readFileSync(join(directory, "postgres", "data", "postmaster.pid"), "utf8").split("\n")[0]);
}

async function answers(server: EmbeddedPostgres): Promise<boolean> {
  return (await query(server.url, "select 1 as one")).rows[0].one === 1;
}

/** Opens the directory in a process of its own, and resolves with it and the server's URL. */
async function openInChild(): Promise<{ child: ChildProcess; url: string }> {
  const program = `
    const { openEmbeddedPostgres } = await import(${JSON.stringify(new URL("../../dist/src/store/embedded/embedded-postgres.js", import.meta.url).href)});
    const logger = { warn() {}, error() {}, info() {}, debug() {} };
    const server = await openEmbeddedPostgres({ dataDirectory: process.argv[1], purpose: "service", settings: ["fsync=off"], logger });
    console.log(server.url);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, directory], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said += chunk;
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const url = await new Promise<string>((done, fail) => {
    lines.once("line", done);
    child.once("exit", () => fail(new Error(said)));
  });
  return { child, url };
}

async function ended(pid: number): Promise<void> {
  while (isRunning(pid)) await new Promise((done) => setImmediate(done));
}

describe("the embedded PostgreSQL", () => {
  it("keeps what was written, and leaves no process behind", async () => {
    const first = await open();
    await query(first.url, "create table kept (x int)");
    const pid = postmasterPid();
    await first.close();
    expect(isRunning(pid)).toBe(false);
    const second = await open();
    expect((await query(second.url, "select * from kept")).rows).toEqual([]);
    expect(readdirSync(directory)).toEqual(["postgres"]);
  });

  it.skipIf(lacksRoot)("does not run as root", async () => {
    await open();
    const status = readFileSync(`/proc/${postmasterPid()}/status`, "utf8");
    expect(status).toMatch(/^Uid:\s+[1-9]/m);
    expect(statSync(join(directory, "postgres")).uid).not.toBe(0);
  });

  it("comes back at the same address when its server process is killed", async () => {
    const server = await open();
    const pid = postmasterPid();
    process.kill(pid, "SIGKILL");
    await ended(pid);
    let back = false;
    while (!back) back = await answers(server).catch(() => false);
    expect(postmasterPid()).not.toBe(pid);
  });

  it("that is closed while it comes back leaves no process behind", async () => {
    const server = await open();
    const pid = postmasterPid();
    process.kill(pid, "SIGKILL");
    await ended(pid);
    await server.close();
    expect(findPostmaster({ data: join(directory, "postgres", "data") })).toBeUndefined();
  });

  it("starts beside a lock file whose process id belongs to somebody else by now", async () => {
    await (await open()).close();
    const file = join(directory, "postgres", "data", "postmaster.pid");
    writeFileSync(file, `${process.pid}\n${join(directory, "postgres", "data")}\n1\n5432\n\n127.0.0.1\n\nready\n`);
    expect(await answers(await open())).toBe(true);
  });

  it("leaves a lock file to PostgreSQL whose process has gone: a start may be replacing it", async () => {
    await (await open()).close();
    const gone = spawn("true");
    await once(gone, "exit");
    const data = join(directory, "postgres", "data");
    const file = join(data, "postmaster.pid");
    writeFileSync(file, `${gone.pid}\n${data}\n1\n5432\n\n127.0.0.1\n\nready\n`);
    expect(findPostmaster({ data })).toBeUndefined();
    expect(existsSync(file)).toBe(true);
    expect(await answers(await open())).toBe(true);
  });

  it("starts beside the lock of its socket whose process id belongs to somebody else by now", async () => {
    await (await open()).close();
    writeFileSync(join(directory, "postgres", "data", ".s.PGSQL.5432.lock"), `${process.pid}\n`);
    expect(await answers(await open())).toBe(true);
  });

  it.each(["", "\n", "nonsense\n", "0\n"])(
    "starts beside a lock file that a crash left with %j in it",
    async (text) => {
      await (await open()).close();
      const file = join(directory, "postgres", "data", "postmaster.pid");
      writeFileSync(file, text);
      expect(await answers(await open())).toBe(true);
    },
  );

  it("starts beside a lock file with the process id of another PostgreSQL, which it leaves alone", async () => {
    await (await open()).close();
    const own = directory;
    makeDirectory();
    const other = await open();
    const pid = postmasterPid();
    const data = join(own, "postgres", "data");
    writeFileSync(join(data, "postmaster.pid"), `${pid}\n${data}\n1\n5432\n.\n\n\nready   \n`);
    directory = own;
    const server = await open();
    expect(server.url).not.toBe(other.url);
    expect(await answers(server)).toBe(true);
    await server.close();
    expect(await answers(other)).toBe(true);
  });

  it("says which part of its files is missing", async () => {
    makeDirectory();
    mkdirSync(join(directory, "postgres", "data"), { recursive: true });
    await expect(open()).rejects.toThrow(`The database in ${join(directory, "postgres")} has no password: `);
  });

  it("clears away what a first start that was killed left half made", async () => {
    makeDirectory();
    const ended = spawn("true");
    await once(ended, "exit");
    mkdirSync(join(directory, `postgres.new-${ended.pid}`, "data"), { recursive: true });
    expect(await answers(await open())).toBe(true);
    expect(readdirSync(directory)).toEqual(["postgres"]);
  });
});

describe("a directory that is in use", () => {
  it("is refused to a second service, which names the first", async () => {
    const first = await open();
    await expect(open()).rejects.toThrow(
      `The data directory ${directory} is in use by another process: eventwire service, process ${process.pid}.`,
    );
    expect(await answers(first)).toBe(true);
  });

  it("has one owner when two start at once for the first time", async () => {
    makeDirectory();
    const started = await Promise.allSettled([open(), openInChild()]);
    const refused = started.filter((one) => one.status === "rejected");
    expect(refused).toHaveLength(1);
    expect(String(refused[0]?.reason)).toContain(`The data directory ${directory} is in use by another process: `);
  });

  it("serves a command, which leaves the server running", async () => {
    const service = await open();
    const command = await open({ purpose: "command", shared: true });
    expect(command.url).toBe(service.url);
    await command.close();
    expect(await answers(service)).toBe(true);
  });

  it("is stopped by a command that had to start it", async () => {
    const command = await open({ purpose: "command", shared: true });
    const pid = postmasterPid();
    await command.close();
    expect(isRunning(pid)).toBe(false);
  });

  it("is taken over, server and all, when the owner was killed", async () => {
    const { child, url } = await openInChild();
    await query(url, "create table taken (x int)");
    const pid = postmasterPid();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isRunning(pid)).toBe(true);

    const server = await open();
    expect(server.url).toBe(url);
    expect(postmasterPid()).toBe(pid);
    expect((await query(server.url, "select * from taken")).rows).toEqual([]);
    await server.close();
    expect(isRunning(pid)).toBe(false);
  });
});

describe("a directory that cannot be used", () => {
  it.each(["/dev/null/data", "/proc/data"])("is refused with its name: %s", async (dataDirectory) => {
    const opening = openEmbeddedPostgres({ dataDirectory, purpose: "service", logger: silent });
    await expect(opening).rejects.toThrow(`The data directory ${dataDirectory} cannot be used: `);
  });
});
