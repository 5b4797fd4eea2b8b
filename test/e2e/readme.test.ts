/** The walk of the README from nothing to a frame: its commands are run, and its outputs are what they print. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";
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

it.skipIf(await lacks("curl"))("in the shell", { timeout: 60_000 }, async () => {
  const commands = blocks("bash")
    .map((code) => code.replace(/^export .*$/m, ""))
    .filter((code) => /\bcurl\b/.test(code));
  const [create = "", set = "", publish = "", publishOverGrpc = ""] = commands;
  const printed = async (code: string) =>
    (await run("bash", ["-c", code], { env: { ...process.env, Token_Account: server.accountToken } })).stdout;

  expect([await printed(create), await printed(set)].map(comparable)).toEqual(blocks("json").map(comparable));
  const consumer = await openConsumer(server.url, `/ws/desk-1?token=${server.accountToken}`);
  const answer = '{"success":true,"message":"Event published","id":"ID"}';
  expect(comparable(readme)).toContain(answer);
  expect(comparable(await printed(publish))).toBe(answer);
  expect(JSON.parse(comparable(await printed(publishOverGrpc)))).toEqual(JSON.parse(answer));
  const shown = [...readme.matchAll(/^< (.*)$/gm)].map(([, frame = ""]) => comparable(frame));
  const frames = (await consumer.take(2)).map(comparable);
  expect(frames[0]).toBe(shown[0]);
  // The members of a Struct have no order.
  expect(frames.map((frame) => JSON.parse(frame))).toEqual(shown.map((frame) => JSON.parse(frame)));
});

it.skipIf(await lacks("python3-websockets"))("in Python", { timeout: 60_000 }, async () => {
  await server.call("POST", "/api/instance/new", { name: "desk-1" });
  await server.call("POST", "/api/events/websocket/desk-1", { enabled: true });
  const [code = ""] = blocks("python");
  const env = { ...process.env, Token_Account: server.accountToken, PYTHONUNBUFFERED: "1" };
  const python = spawn("/usr/bin/python3", ["-c", code], { env, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void python.kill());
  // It prints nothing when it is connected.
  await expect.poll(() => scrape(server.server.grpcUrl, "eventwire_sockets"), { timeout: 20_000 }).toEqual([1]);
  const data = { id: "3EB0", message: { content: { text: "hello" } } };
  await server.call("POST", "/api/events/publish/desk-1", { event: "message.exchange", data });
  const [line] = await once(python.stdout.setEncoding("utf8"), "data");
  expect(readme).toContain(`\n${String(line).trim()}\n`);
});
