/** A real browser: a page of an allowed origin calls, connects and shows a frame; the same page from elsewhere cannot. */

import { expect, it, onTestFinished } from "vitest";
import { serveChromiumPage } from "../support/chromium-page.js";
import { startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";

/** Reports what it sees; the page that is allowed then embeds itself under the name that is not. */
function page(url: string): string {
  return `
    const tell = (what) => report([location.hostname, what]);
    const call = fetch("${url}/api/instance/list", { headers: { token: "token-of-desk" } });
    await tell(await call.then(
      async (answer) => [answer.status, (await answer.json()).message, answer.headers.get("X-RateLimit-Remaining")],
      () => "no answer"));
    const socket = new WebSocket("${url.replace("http", "ws")}/ws/desk?token=token-of-desk");
    socket.onopen = () => tell("open");
    socket.onclose = ({ code }) => tell("closed with " + code);
    socket.onmessage = async ({ data }) => {
      await tell(JSON.parse(data).data);
      const other = document.createElement("iframe");
      other.src = location.href.replace("127.0.0.1", "localhost");
      document.body.append(other);
    };`;
}

it.skipIf(await lacks("chromium"))("a page connects from an allowed origin only", { timeout: 60_000 }, async () => {
  const { origin, told, open, heard } = await serveChromiumPage();
  const server = await startPublicServer({ ALLOWED_ORIGINS: origin, RATE_LIMIT_GLOBAL: "100" });
  onTestFinished(() => server.close());
  await server.createInstance("desk", "token-of-desk", { enabled: true });
  open(page(server.url));

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
