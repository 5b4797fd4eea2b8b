/** A real browser: a page of an allowed origin calls, connects and shows a frame; the same page from elsewhere cannot. */

import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary.js";

/** Tells `/report` what it sees; the page that is allowed then embeds itself under the name that is not. */
function page(url: string): string {
  return `<!doctype html><script type="module">
    const report = (what) => fetch("/report", { method: "POST", body: JSON.stringify([location.hostname, what]) });
    const call = fetch("${url}/api/instance/list", { headers: { token: "token-of-desk" } });
    await report(await call.then(
      async (answer) => [answer.status, (await answer.json()).message, answer.headers.get("X-RateLimit-Remaining")],
      () => "no answer"));
    const socket = new WebSocket("${url.replace("http", "ws")}/ws/desk?token=token-of-desk");
    socket.onopen = () => report("open");
    socket.onclose = ({ code }) => report("closed with " + code);
    socket.onmessage = async ({ data }) => {
      await report(JSON.parse(data).data);
      const other = document.createElement("iframe");
      other.src = location.href.replace("127.0.0.1", "localhost");
      document.body.append(other);
    };
  </script><body></body>`;
}

it.skipIf(await lacks("chromium"))("a page connects from an allowed origin only", { timeout: 60_000 }, async () => {
  const reports = new EventEmitter();
  const told: unknown[] = [];
  let html = "";
  const pages = createServer(async (request, response) => {
    response.setHeader("Content-Type", "text/html").end(html);
    if (request.url !== "/report") return;
    let text = "";
    for await (const chunk of request) text += chunk;
    told.push(JSON.parse(text));
    reports.emit("report");
  });
  await new Promise<void>((done) => pages.listen(0, "127.0.0.1", done));
  const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  const server = await startPublicServer({ ALLOWED_ORIGINS: origin, RATE_LIMIT_GLOBAL: "100" });
  await server.createInstance("desk", "token-of-desk", { enabled: true });
  html = page(server.url);

  const profile = temporaryDirectory();
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${profile}`];
  const chromium = spawn("chromium", [...flags, origin], { stdio: "ignore", detached: true });
  onTestFinished(async () => {
    chromium.kill("SIGKILL");
    await once(chromium, "exit");
    pages.closeAllConnections();
    pages.close();
    await server.close();
  });
  const heard = async (count: number) => {
    while (told.length < count) await once(reports, "report");
  };

  await heard(2);
  await server.call("POST", "/api/events/publish/desk", { event: "call.update", data: { type: "offer" } });
  await heard(5);
  expect(told).toEqual([
    ["127.0.0.1", [200, "1 Instance found", "99"]],
    ["127.0.0.1", "open"],
    ["127.0.0.1", { type: "offer" }],
    ["localhost", "no answer"],
    ["localhost", "closed with 1006"],
  ]);
});
