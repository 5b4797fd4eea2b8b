/** The client in a real browser, on a page of another origin: it connects, reads why it is refused, and comes back. */

import { describe, expect, it, onTestFinished } from "vitest";
import { bundleForBrowser } from "../support/browser-bundle.js";
import { type ChromiumPage, serveChromiumPage } from "../support/chromium-page.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { createProject } from "../support/project.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";
import { fetchTicket } from "../support/tickets.js";

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
  /** Opens the page with a connection whose frames and ends it reports. `more` is code with further options. */
  async function open(options: object, more = ""): Promise<void> {
    const module = `
      import { connect } from "eventwire/client";
      const connection = connect({
        ...${JSON.stringify({ instance: "desk", ...(more === "" && { token: "token-of-desk" }), ...options })},
        ${more}
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

  it("connects with the token of an account to all its instances, and opens no URL with a token", async () => {
    await start();
    await open({ url: server.url, instance: undefined, token: server.accountToken });
    await page.heard(1);
    expect(page.told[0]).toMatchObject({ control: "hello", instance: "" });
    expect(server.log.filter((line) => line.includes("/api/events/ticket")).length).toBeGreaterThan(0);
  });

  it("cannot exchange its token from an origin that is not allowed, and says what may be wrong", async () => {
    await start(false);
    await open({ url: server.url });
    await page.heard(1);
    expect(page.told[0]).toMatchObject({ state: "waiting", code: 1006, reason: expect.stringContaining("origin") });
  });

  it.each([
    ["its origin", false, {}, 403, 4003],
    ["its token", true, { token: "ti_of-nobody" }, 401, 4401],
    ["its instance", true, { instance: "nowhere", token: "account" }, 404, 4004],
  ])("reads that it is refused for %s, and stays away", async (_, allowed, options, status, code) => {
    await start(allowed);
    const account = "instance" in options ? { token: server.accountToken } : {};
    const ticket = allowed ? "" : `ticket: async () => "${await fetchTicket(server.url, "token-of-desk", "desk")}",`;
    await open({ url: server.url, ...options, ...account }, ticket);
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
    page.answer("/ticket", () => fetchTicket(server.url, "token-of-desk", "desk"));
    await open({ url: proxy.url }, 'ticket: async () => (await fetch("/ticket", { method: "POST" })).text(),');
    await page.heard(1);
    proxy.silence();
    await server.call("POST", "/api/events/publish/desk", { event: "call.update", data: { n: 1 } });
    await proxy.heal();
    await page.heard(4);
    expect(page.told).toMatchObject([
      { control: "hello" },
      { state: "waiting", code: 1006, reason: "nothing was heard for 8 s" },
      { control: "hello", resumed: true, replayed: 1 },
      { event: "call.update", data: { n: 1 } },
    ]);
  });

  it("goes on after a reload of its page, when the page gives it a storage", async () => {
    await start();
    const publish = (n: number) =>
      server.call("POST", "/api/events/publish/desk", { event: "call.update", data: { n } });
    page.answer("/leaving", async () => {
      await publish(3);
      return "";
    });
    const module = `
      import { connect } from "eventwire/client";
      const { url } = ${JSON.stringify({ url: server.url })};
      const connection = connect({ url, instance: "desk", token: "token-of-desk", storage: sessionStorage });
      for await (const frame of connection.frames()) {
        await report(frame);
        if (frame.data?.n !== 2 || sessionStorage.reloaded) continue;
        sessionStorage.reloaded = "yes";
        await fetch("/leaving");
        location.reload();
        await new Promise(() => {});
      }`;
    page.open(await bundleForBrowser(createProject(module)));
    await page.heard(1);
    await publish(1);
    await publish(2);
    await page.heard(6);
    expect(page.told).toMatchObject([
      { control: "hello", resumed: null },
      { data: { n: 1 } },
      { data: { n: 2 } },
      { control: "hello", resumed: true, replayed: 2 },
      { data: { n: 2 } },
      { data: { n: 3 } },
    ]);
  });
});
