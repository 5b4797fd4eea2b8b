/** A page in a real browser, on an origin of its own, reads why it is refused, and comes back when the catalogue says so. */

import { describe, expect, it, onTestFinished } from "vitest";
import { closeCatalogue } from "../../gen/closes.js";
import { serveChromiumPage } from "../support/chromium-page.js";
import { freePort } from "../support/free-port.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";

/**
 * Connects, and again as long as the catalogue says so: the last control frame tells how long to wait, and the code tells what to
 * do when no frame came. A connection that is lost without a code is worth another try.
 */
function client(url: string): string {
  const reconnects = Object.fromEntries(Object.values(closeCatalogue).map(({ code, reconnect }) => [code, reconnect]));
  return `
    const reconnects = ${JSON.stringify(reconnects)};
    function connect() {
      const socket = new WebSocket(${JSON.stringify(url.replace("http", "ws"))}, ["eventwire.v1"]);
      let last = {};
      socket.onmessage = ({ data }) => {
        last = JSON.parse(data);
        if (last.control !== "hello") report([last.control, last.status ?? last.code, last.message ?? last.reason, last.rule]);
        else report([last.control, last.instance, socket.protocol]);
      };
      socket.onclose = ({ code, reason }) => {
        const again = reconnects[code] ?? true;
        if (code !== 1006) report(["closed", code, reason, again]);
        if (again) setTimeout(connect, last.retryAfterMs ?? 200);
      };
    }
    connect();
  `;
}

async function start(env: Record<string, string>): Promise<PublicServer> {
  const server = await startPublicServer(env);
  await server.createInstance("desk", "token-of-desk", { enabled: true });
  return server;
}

describe.skipIf(await lacks("chromium"))("a page", () => {
  it("of a foreign origin reads why it is refused, and does not come back", { timeout: 60_000 }, async () => {
    const server = await start({ ALLOWED_ORIGINS: "https://app.example.net" });
    onTestFinished(() => server.close());
    const page = await serveChromiumPage();
    page.open(`${client(`${server.url}/ws/desk?token=token-of-desk`)}
      setTimeout(() => report("no more"), 3_000);`);
    await page.heard(3);
    expect(page.told).toEqual([
      ["refused", 403, "Origin not allowed", null],
      ["closed", 4003, "not allowed", false],
      "no more",
    ]);
  });

  it("reads which parameter is wrong", { timeout: 60_000 }, async () => {
    const page = await serveChromiumPage();
    const server = await start({ ALLOWED_ORIGINS: page.origin });
    onTestFinished(() => server.close());
    page.open(client(`${server.url}/ws/desk?token=token-of-desk&after=${encodeURIComponent("é")}`));
    await page.heard(2);
    expect(page.told).toEqual([
      ["refused", 400, "Invalid request", "after must be 1 to 64 visible ASCII characters"],
      ["closed", 4000, "protocol error", false],
    ]);
  });

  it("comes back to a node that was stopped and started", { timeout: 90_000 }, async () => {
    const page = await serveChromiumPage();
    const port = String(await freePort());
    const env = { ENCRYPTION_KEY: "6".repeat(64), ALLOWED_ORIGINS: page.origin, PORT: port, DRAIN_SECONDS: "0" };
    const first = await start(env);
    page.open(client(`${first.url}/ws/desk?token=token-of-desk`));
    await page.heard(1);
    await first.server.close();
    const second = await startPublicServer(
      { ...env, ACCOUNT_TOKEN: first.accountToken },
      async () => first.database.url,
    );
    onTestFinished(async () => {
      await second.server.close();
      await first.close();
    });
    const hello = ["hello", "desk", "eventwire.v1"];
    const isBack = () => JSON.stringify(page.told.slice(3).at(-1)) === JSON.stringify(hello);
    // A node that has not read its directory yet refuses the page with 4500, after which the page comes back too.
    while (!isBack()) await page.heard(page.told.length + 1);
    const closing = ["closing", 1001, "shutting down", null];
    expect(page.told.slice(0, 3)).toEqual([hello, closing, ["closed", 1001, "shutting down", true]]);
  });
});
