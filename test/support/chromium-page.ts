/** A page in a real Chromium, on an origin of its own. It tells the test what it sees, with the function `report`. */

import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export interface ChromiumPage {
  readonly origin: string;
  /** What the page has reported so far. */
  readonly told: readonly unknown[];
  /** Answers a request of the page for this path with a text, or with 500 when `text` rejects. */
  answer(path: string, text: () => Promise<string>): void;
  /** Opens the page with this module. In it `report(value)` tells the test. */
  open(module: string): void;
  /** Resolves when the page has reported so much. */
  heard(count: number): Promise<void>;
}

/** One report after the other, so that they arrive in order. */
const reporting = `
  let reported = Promise.resolve();
  const report = (what) => {
    return (reported = reported.then(() => fetch("/report", { method: "POST", body: JSON.stringify(what) })));
  };
`;

/** The origin is known before the page is opened, so that a server can allow it. Ends with its test. */
export async function serveChromiumPage(): Promise<ChromiumPage> {
  const reports = new EventEmitter();
  const told: unknown[] = [];
  let script = "";
  const answers = new Map<string, () => Promise<string>>();
  const pages = createServer(async (request, response) => {
    const answer = answers.get(request.url ?? "");
    if (answer !== undefined) {
      const text = await answer().catch(() => undefined);
      response.writeHead(text === undefined ? 500 : 200).end(text);
    } else if (request.url === "/page.js")
      response.setHeader("Content-Type", "text/javascript").end(reporting + script);
    else
      response
        .setHeader("Content-Type", "text/html")
        .end('<!doctype html><script type="module" src="/page.js"></script>');
    if (request.url !== "/report") return;
    let text = "";
    for await (const chunk of request) text += chunk;
    told.push(JSON.parse(text));
    reports.emit("report");
  });
  await new Promise<void>((done) => pages.listen(0, "127.0.0.1", done));
  const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;
  onTestFinished(() => {
    pages.closeAllConnections();
    pages.close();
  });

  return {
    origin,
    told,
    answer: (path, text) => void answers.set(path, text),
    open(module) {
      script = module;
      const profile = mkdtempSync(join(tmpdir(), "eventwire-chromium-"));
      const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", `--user-data-dir=${profile}`];
      const chromium = spawn("chromium", [...flags, origin], { stdio: "ignore", detached: true });
      onTestFinished(async () => {
        // The processes that Chromium has started write to the profile until they are gone too.
        process.kill(-(chromium.pid as number), "SIGKILL");
        await once(chromium, "exit");
        rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
      });
    },
    async heard(count) {
      while (told.length < count) await once(reports, "report");
    },
  };
}
