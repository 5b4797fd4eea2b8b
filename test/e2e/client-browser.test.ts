/** The client in a real browser, on a page of another origin: it connects, reads why it is refused, and comes back. */

import { describe, expect, it, onTestFinished } from "vitest";
import { bundleForBrowser } from "../support/browser-bundle.js";
import { type ChromiumPage, serveChromiumPage } from "../support/chromium-page.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { createProject } from "../support/project.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";

const withoutChromium = await lacks("chromium");

describe.skipIf(withoutChromium)("in Chromium, the client", { timeout: 60_000 }, () => {
  let server: PublicServer;
  let page: ChromiumPage;
  async function start(allowed = true): Promise<void> {
    page = await serveChromiumPage();
    const origins = allowed ? { ALLOWED_ORIGINS: page.origin } : {};
    server = await startPublicServer({ IDLE_TIMEOUT_SECONDS: "8", ...origins });
    onTestFinished(() => server.close());
    await server.createInstance("desk", "token-of-desk", { enabled: true });
  }
  /** Opens the page with a connection whose frames and ends it reports. */
  async function open(options: object): Promise<void> {
    const module = `
      import { connect } from "eventwire/client";
      const connection = connect({
        ...${JSON.stringify({ instance: "desk", token: "token-of-desk", ...options })},
        onState: (state, end) => end && report({ state, code: end.code, reason: end.reason }),
      });
      try {
        for await (const frame of connection.frames()) report(frame);
      } catch (error) {
        report(error.name);
      }`;
    page.open(await bundleForBrowser(createProject(module)));
  }

  it("connects from an allowed origin and gets events", async () => {
    await start();
    await open({ url: server.url, events: ["call.update"] });
    await page.heard(1);
    await server.call("POST", "/api/events/publish/desk", { event: "call.update", data: { type: "offer" } });
    await page.heard(2);
    expect(page.told).toMatchObject([
      { control: "hello", filter: { events: ["call.update"] } },
      { event: "call.update", data: { type: "offer" } },
    ]);
  });

  it.each([
    ["its origin", false, {}, 403, 4003],
    ["its token", true, { token: "ti_of-nobody" }, 401, 4401],
    ["its instance", true, { instance: "nowhere", token: "account" }, 404, 4004],
  ])("reads that it is refused for %s, and stays away", async (_, allowed, options, status, code) => {
    await start(allowed);
    const account = "instance" in options ? { token: server.accountToken } : {};
    await open({ url: server.url, ...options, ...account });
    await page.heard(3);
    expect(page.told).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ control: "refused", status, reconnect: false }),
        expect.objectContaining({ state: "closed", code }),
        "ConnectionEndedError",
      ]),
    );
  });

  it("notices a connection that the network has swallowed, and comes back", async () => {
    await start();
    const proxy = await startDatabaseProxy(server.url);
    onTestFinished(() => proxy.close());
    await open({ url: proxy.url });
    await page.heard(1);
    proxy.silence();
    await proxy.heal();
    await page.heard(4);
    expect(page.told).toMatchObject([
      { control: "hello" },
      { state: "waiting", code: 1006, reason: "nothing was heard for 8 s" },
      { control: "hello" },
      { control: "gap", reason: "disconnected" },
    ]);
  });
});
