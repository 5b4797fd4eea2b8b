/** What the log says of refused upgrades: why, from where, and nothing of a token. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { requestHead, sendRaw, upgradeHead } from "../support/raw-http.js";

let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
  await server.createInstance("desk-2", "ti_desk-two");
});

afterAll(() => server.close());

function refusals(): Record<string, unknown>[] {
  const lines = server.log.map((line) => JSON.parse(line));
  return lines.filter(({ msg }) => msg === "upgrade refused");
}

it("a refused upgrade is one line with its reason, its instance, its origin and its address", async () => {
  const ask = (path: string, ...lines: string[]) => sendRaw(server.port, upgradeHead(path, ...lines));
  const evil = "https://evil.example.net";
  expect((await ask("/ws/desk-1?token=guess-of-a-token"))?.status).toBe(401);
  expect((await ask("/ws/desk-1?token=ti_desk-one", `Origin: ${evil}`))?.status).toBe(403);
  expect((await ask("/ws/desk-2?token=ti_desk-two"))?.status).toBe(400);
  expect((await ask("/ws/desk-2?token=ti_desk-one"))?.status).toBe(403);
  expect((await sendRaw(server.port, requestHead("GET /ws/desk-1?token=ti_desk-one")))?.status).toBe(426);
  const remoteAddress = "127.0.0.1";
  expect(
    refusals().map(({ reason, instance, origin, remoteAddress: address }) => ({
      reason,
      ...(instance !== undefined && { instance }),
      ...(origin !== undefined && { origin }),
      remoteAddress: address,
    })),
  ).toEqual([
    { reason: "INVALID_TOKEN", remoteAddress },
    { reason: "ORIGIN_NOT_ALLOWED", instance: "desk-1", origin: evil, remoteAddress },
    { reason: "WEBSOCKET_DISABLED", instance: "desk-2", remoteAddress },
    { reason: "INSTANCE_MISMATCH", instance: "desk-2", remoteAddress },
    { reason: "UPGRADE_REQUIRED", instance: "desk-1", remoteAddress },
  ]);
  expect(refusals().every(({ level }) => level === 30)).toBe(true);
  expect(JSON.stringify(refusals())).not.toMatch(/token=|guess|ti_desk/);
});

it("an accepted one is none", async () => {
  const before = refusals().length;
  expect((await sendRaw(server.port, upgradeHead("/ws/desk-1?token=ti_desk-one")))?.status).toBe(101);
  expect(refusals().length).toBe(before);
});

it("those who are refused over and over do not fill the log", async () => {
  const before = refusals().length;
  const long = `Origin: https://${"x".repeat(3000)}.example.net`;
  await Promise.all(Array.from({ length: 200 }, () => sendRaw(server.port, upgradeHead("/ws/desk-1", long))));
  const lines = refusals().slice(before);
  expect(lines.length).toBeLessThan(200);
  for (const line of lines) expect(String(line.origin).length).toBeLessThanOrEqual(200);
});
