/** A body that comes faster than a turn takes it is waited for, and leaves its connection as it was. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { openRaw } from "../support/raw-http.js";

const MiB = 1024 * 1024;
const publish = "/eventwire.v1.EventService/PublishEvent";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk", "ti_desk-of-bodies");
});
afterAll(() => server.close());

function head(path: string, token: string, ...more: string[]): string {
  const lines = [`POST ${path} HTTP/1.1`, "Host: a", `token: ${token}`, "Content-Type: application/json", ...more];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** In chunks of a MiB, with no word of how long it is. */
function chunked(body: string): string {
  const chunks = Array.from({ length: Math.ceil(body.length / MiB) }, (_, n) => body.slice(n * MiB, (n + 1) * MiB));
  return `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")}0\r\n\r\n`;
}

const event = (bytes: number): string => `"event":"label.update","data":{"t":"${"x".repeat(bytes)}"}}`;

const faces: [string, string, (bytes: number) => string][] = [
  ["REST", "/api/events/publish/desk", (bytes: number) => `{${event(bytes)}`],
  ["Connect", publish, (bytes: number) => `{"instance":"desk",${event(bytes)}`],
];

describe.each(faces)("over %s", (_, path, body) => {
  it.each([
    ["that is taken", "the account", body(14 * MiB), [200]],
    ["that is no JSON", "the account", body(14 * MiB).slice(0, -1), [400]],
    ["of somebody unknown", "nobody", body(14 * MiB), [401]],
    ["that is too large", "the account", body(24 * MiB), [413, 429]],
  ] as const)("a body %s is followed by a request on the same connection", async (_, who, text, statuses) => {
    for (const [more, sent] of [
      [`Content-Length: ${text.length}`, text],
      ["Transfer-Encoding: chunked", chunked(text)],
    ] as const) {
      const connection = await openRaw(server.port);
      const whole = connection.send(head(path, who === "nobody" ? who : server.accountToken, more) + sent);
      expect(statuses).toContain((await connection.response())?.status);
      await whole;
      await connection.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
      expect((await connection.response())?.status).toBe(200);
      connection.destroy();
    }
  });
});
