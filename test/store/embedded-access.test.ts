/** Who reaches the embedded PostgreSQL, as whom, and what it may do on the machine. */

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { createUnprivileged } from "../../src/machine/unprivileged.js";
import { openEmbeddedPostgres } from "../../src/store/embedded/embedded-postgres.js";
import { findPostmaster } from "../../src/store/embedded/postmaster.js";
import { connectionConfig } from "../../src/store/postgres/pool.js";
import { query } from "../support/postgres.js";
import { lacks } from "../support/requirements.js";
import { silent } from "../support/store.js";
import { temporaryDirectory } from "../support/temporary.js";

const lacksRoot = await lacks("root");

async function open(dataDirectory: string) {
  const server = await openEmbeddedPostgres({
    dataDirectory,
    purpose: "service",
    settings: ["fsync=off"],
    logger: silent,
  });
  onTestFinished(() => server.close());
  const data = join(dataDirectory, "postgres", "data");
  return { ...server, data, pid: findPostmaster({ data })?.pid as number };
}

/** The exit code of a program of another user, and what it said. */
function asNobody(...command: string[]): string {
  const drop = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  try {
    return execFileSync("setpriv", [...drop, ...command], { encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

describe("the embedded PostgreSQL", () => {
  it("listens on no network", async () => {
    const { pid } = await open(temporaryDirectory());
    const sockets = readdirSync(`/proc/${pid}/fd`)
      .map((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1])
      .filter((inode) => inode !== undefined);
    const onNetwork = ["tcp", "tcp6", "udp", "udp6"].flatMap((kind) =>
      readFileSync(`/proc/${pid}/net/${kind}`, "utf8").split("\n"),
    );
    expect(sockets.length).toBeGreaterThan(0);
    for (const inode of sockets) expect(onNetwork.filter((line) => line.split(/\s+/)[10] === inode)).toEqual([]);
  });

  it("keeps its socket where nobody else may enter, also in a directory that was opened", async () => {
    const dataDirectory = temporaryDirectory();
    await (await open(dataDirectory)).close();
    chmodSync(join(dataDirectory, "postgres"), 0o755);
    const { data } = await open(dataDirectory);
    for (const path of [data, join(data, "..")]) expect(statSync(path).mode & 0o077).toBe(0);
  });

  it("wants a password, by SCRAM", async () => {
    const { url } = await open(temporaryDirectory());
    const wrong = new URL(url);
    wrong.password = "wrong";
    await expect(query(wrong.href, "select 1")).rejects.toThrow("password authentication failed");
    wrong.password = "";
    await expect(query(wrong.href, "select 1")).rejects.toThrow("SASL");
  });

  it("gives the service its database, and nothing beyond it", async () => {
    const { url } = await open(temporaryDirectory());
    for (const statement of [
      "copy (select 1) to program 'true'",
      "copy (select 1) to '/tmp/eventwire-copy'",
      "select pg_read_file('/etc/passwd')",
      "select lo_import('/etc/passwd')",
      "create role another superuser",
      "alter role eventwire_service superuser",
      "set role eventwire",
      "alter system set listen_addresses = '*'",
      "create function f() returns int language c as '/tmp/f.so'",
    ]) {
      await expect(query(url, statement), statement).rejects.toThrow(/permission denied|must be superuser/);
    }
    await query(url, "create table kept (x int)");
  });

  it("is reached below a path that is too long for a socket", async () => {
    const dataDirectory = join(temporaryDirectory(), "d".repeat(120));
    const { url } = await open(dataDirectory);
    expect((await query(url, "select 1 as one")).rows).toEqual([{ one: 1 }]);
  });

  it.skipIf(lacksRoot)("has no capability, below a directory that is closed to its user either", async () => {
    const closed = temporaryDirectory();
    expect(statSync(closed).mode & 0o077).toBe(0);
    const { pid } = await open(join(closed, "data"));
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    for (const set of ["Inh", "Prm", "Eff", "Amb"]) expect(status).toMatch(new RegExp(`^Cap${set}:\t0+$`, "m"));
    expect(status).toMatch(/^Uid:\t[1-9]/m);
    expect(status).toMatch(/^Groups:\t?\s*$/m);
    expect(statSync(closed).mode & 0o077).toBe(0);
  });

  it.skipIf(lacksRoot)("refuses to start when its user cannot pass to its programs, and names what is closed", () => {
    const closed = temporaryDirectory();
    const program = { path: join(closed, "postgres"), refusal: "No", product: "Eventwire", setting: "DATABASE_URL" };
    expect(() => createUnprivileged(join(closed, "data"), program)).toThrow(
      `cannot pass ${closed} to its programs: install Eventwire where others may pass`,
    );
  });

  it.skipIf(lacksRoot)("does not belong to nobody, whom others run as, and no longer if it once did", async () => {
    const dataDirectory = temporaryDirectory();
    await (await open(dataDirectory)).close();
    execFileSync("chown", ["-R", "nobody", join(dataDirectory, "postgres")]);
    const { data } = await open(dataDirectory);
    expect(statSync(data).uid).not.toBe(statSync(`/proc/self`).uid);
    expect(asNobody("cat", join(data, "..", "password"))).toContain("Permission denied");
  });

  it.skipIf(lacksRoot)("is out of reach of another user: socket, password and files", async () => {
    const dataDirectory = temporaryDirectory();
    chmodSync(dataDirectory, 0o711);
    const { data } = await open(dataDirectory);
    const socket = join(data, ".s.PGSQL.5432");
    const program = `require("net").connect(${JSON.stringify(socket)}).on("error", ({ code }) => console.log(code))`;
    expect(asNobody(process.execPath, "-e", program)).toBe("EACCES\n");
    for (const command of [
      ["ls", join(data, "..")],
      ["cat", join(data, "..", "password")],
      ["cat", join(data, "..", "service-password")],
      ["rm", "-f", socket],
      ["mv", join(data, ".."), join(dataDirectory, "away")],
    ])
      expect(asNobody(...command), command.join(" ")).toContain("Permission denied");
  });
});

describe("a server in its place", () => {
  /** Answers a start as an impostor does; resolves with all that it is told. */
  async function impostor(...answers: Buffer[]) {
    const directory = temporaryDirectory();
    mkdirSync(directory, { recursive: true });
    const heard: Buffer[] = [];
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        heard.push(chunk);
        for (const answer of answers) socket.write(answer);
      });
    }).listen(join(directory, ".s.PGSQL.5432"));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const url = `postgres://eventwire_service:hunter22@${encodeURIComponent(directory)}:5432/postgres?require_auth=scram-sha-256`;
    return { url, heard: () => Buffer.concat(heard).toString("latin1") };
  }

  const message = (type: string, ...parts: (number | string)[]) => {
    const body = Buffer.concat(
      parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from([0, 0, 0, part]))),
    );
    const head = Buffer.alloc(5, type);
    head.writeUInt32BE(4 + body.length, 1);
    return Buffer.concat([head, body]);
  };
  const ready = message("Z", "I");

  it.each([
    ["asks for the password in clear", [message("R", 3)]],
    ["asks for it in clear, byte by byte", [...message("R", 3)].map((byte) => Buffer.from([byte]))],
    ["asks for it in clear after a notice", [Buffer.concat([message("N", "SNOTICE\0\0"), message("R", 3)])]],
    ["asks for its MD5", [message("R", 5, "salt")]],
    ["asks for nothing", [Buffer.concat([message("R", 0), ready])]],
    ["is ready at once", [ready]],
    ["forgets to prove itself", [message("R", 10, "SCRAM-SHA-256\0\0"), Buffer.concat([message("R", 0), ready])]],
  ])("hears neither password nor question when it %s", async (_, answers) => {
    const { url, heard } = await impostor(...answers);
    const client = new pg.Client(connectionConfig(url, "test"));
    client.on("error", () => {});
    await expect(client.connect()).rejects.toThrow("it may not be the real one");
    await expect(client.query("select 'question'")).rejects.toThrow();
    expect(heard()).toContain("eventwire_service");
    expect(heard()).not.toContain("hunter22");
    expect(heard()).not.toContain("question");
  });
});
