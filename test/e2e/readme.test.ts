/** The walk of the README from nothing to a frame: its commands are run, and its outputs are what they print. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { canRun } from "../support/can-run.js";
import { openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { scrape } from "../support/scrape.js";

const run = promisify(execFile);
const readme = readFileSync("README.md", "utf8");

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer({ PUBLIC_URL: "http://localhost:8080" });
});
afterAll(() => server.close());

/** Its blocks of a language, in order, on the ports of the server. */
function blocks(language: string): string[] {
  const found = [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)\\n\`\`\`$`, "gm"))];
  return found.map(([, code = ""]) =>
    code
      .replaceAll("http://localhost:8080", server.url)
      .replaceAll("http://localhost:9090", server.server.grpcUrl)
      .replaceAll("ws://localhost:8080", server.url.replace("http", "ws")),
  );
}

/** What the README shows, or a program printed, without what is made anew each time. */
function comparable(text: string): string {
  return text
    .replaceAll(server.url, "http://localhost:8080")
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
    .replace(/ti_[\w-]{43}/g, "TOKEN");
}

it.runIf((await canRun("curl", ["--version"])) && (await canRun("npx", ["--no-install", "buf", "--version"])))(
  "in the shell",
  { timeout: 60_000 },
  async () => {
    const commands = blocks("bash")
      .map((code) => code.replace(/^export .*$/m, ""))
      .filter((code) => /\bcurl\b/.test(code));
    const [create = "", set = "", publish = "", publishOverGrpc = ""] = commands;
    const printed = async (code: string) =>
      (await run("bash", ["-c", code], { env: { ...process.env, Token_Account: server.accountToken } })).stdout;

    expect([await printed(create), await printed(set)].map(comparable)).toEqual(blocks("json").map(comparable));
    const consumer = await openConsumer(server.url, `/ws/desk-1?token=${server.accountToken}`);
    const answer = '{"success":true,"message":"Event published"}';
    expect(readme).toContain(answer);
    expect(await printed(publish)).toBe(answer);
    expect(JSON.parse(await printed(publishOverGrpc))).toEqual(JSON.parse(answer));
    const shown = [...readme.matchAll(/^< (.*)$/gm)].map(([, frame = ""]) => comparable(frame));
    const frames = (await consumer.take(2)).map(comparable);
    expect(frames[0]).toBe(shown[0]);
    // The members of a Struct have no order.
    expect(frames.map((frame) => JSON.parse(frame))).toEqual(shown.map((frame) => JSON.parse(frame)));
  },
);

/** A Python that has the package `websockets`: the one on the path, or the system's with Debian's package. */
async function findPython(): Promise<string | undefined> {
  for (const python of ["python3", "/usr/bin/python3"])
    if (await canRun(python, ["-c", "import websockets"])) return python;
  return undefined;
}

const python3 = await findPython();

// Without the package, which is not in Python's standard library, the test is skipped.
it.runIf(python3 !== undefined)("in Python", { timeout: 60_000 }, async () => {
  await server.call("POST", "/api/instance/new", { name: "desk-1" });
  await server.call("POST", "/api/events/websocket/desk-1", { enabled: true });
  const [code = ""] = blocks("python");
  const env = { ...process.env, Token_Account: server.accountToken, PYTHONUNBUFFERED: "1" };
  const python = spawn(python3 as string, ["-c", code], { env, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void python.kill());
  // It prints nothing when it is connected.
  await expect.poll(() => scrape(server.server.grpcUrl, "eventwire_sockets"), { timeout: 20_000 }).toEqual([1]);
  const data = { id: "3EB0", message: { content: { text: "hello" } } };
  await server.call("POST", "/api/events/publish/desk-1", { event: "message.exchange", data });
  const [line] = await once(python.stdout.setEncoding("utf8"), "data");
  expect(readme).toContain(`\n${String(line).trim()}\n`);
});
