/** The walk of the README from nothing to a frame: its commands are run, and its outputs are what they print. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { bundleForBrowser } from "../support/browser-bundle.js";
import { serveChromiumPage } from "../support/chromium-page.js";
import { openConsumer } from "../support/consumer.js";
import { createProject } from "../support/project.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";
import { scrape } from "../support/scrape.js";
import { fetchTicket } from "../support/tickets.js";

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

async function openChannel(): Promise<void> {
  await server.call("POST", "/api/instance/new", { name: "desk-1" });
  await server.call("POST", "/api/events/websocket/desk-1", { enabled: true });
}

const hello = { event: "message.exchange", data: { id: "3EB0", message: { content: { text: "hello" } } } };

/** What a consumer prints of one event, once it is connected. It prints nothing when it is. */
async function printedBy(command: string, args: readonly string[]): Promise<string> {
  await openChannel();
  const env = { ...process.env, Token_Account: server.accountToken, PYTHONUNBUFFERED: "1" };
  const consumer = spawn(command, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void consumer.kill());
  await expect.poll(() => scrape(server.server.grpcUrl, "eventwire_sockets"), { timeout: 20_000 }).toEqual([1]);
  await server.call("POST", "/api/events/publish/desk-1", hello);
  const [line] = await once(consumer.stdout.setEncoding("utf8"), "data");
  consumer.kill();
  await expect.poll(() => scrape(server.server.grpcUrl, "eventwire_sockets"), { timeout: 20_000 }).toEqual([0]);
  return String(line).trim();
}

it.skipIf(await lacks("python3-websockets"))("in Python", { timeout: 60_000 }, async () => {
  const [code = ""] = blocks("python");
  expect(readme).toContain(`\n${await printedBy("/usr/bin/python3", ["-c", code])}\n`);
});

it("in Node.js", { timeout: 60_000 }, async () => {
  const [code = ""] = blocks("js");
  expect(readme).toContain(`\n${await printedBy(process.execPath, [createProject(code)])}\n`);
});

it.skipIf(await lacks("chromium"))("in a browser", { timeout: 60_000 }, async () => {
  const page = await serveChromiumPage();
  const own = await startPublicServer({ ALLOWED_ORIGINS: page.origin });
  onTestFinished(() => own.close());
  await own.createInstance("desk-1", "ti_token-of-desk-1", { enabled: true });
  const [html = ""] = blocks("html");
  const code = html.replace(/<\/?script.*>/g, "").replaceAll(server.url, own.url);
  page.answer("/ticket", () => fetchTicket(own.url, "ti_token-of-desk-1", "desk-1"));
  const before = "console.log = (...what) => report(what);";
  page.open(await bundleForBrowser(createProject(`${before}\n${code}`)));
  await page.heard(2);
  await own.call("POST", "/api/events/publish/desk-1", hello);
  await page.heard(3);
  expect(page.told).toMatchObject([["connecting", ""], ["open", ""], [hello]]);
});
