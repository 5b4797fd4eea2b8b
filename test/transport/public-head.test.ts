/** How large the head of a request may be: browsers send cookies that have nothing to do with us. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { requestHead, sendRaw, upgradeHead } from "../support/raw-http.js";

let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk-1", "ti_desk-one", { enabled: true });
});

afterAll(() => server.close());

const KiB = 1024;

/** A head of so many bytes, most of them a cookie. */
function headOf(bytes: number): string {
  const empty = requestHead("GET /health", "Cookie: ");
  return requestHead("GET /health", `Cookie: ${"x".repeat(bytes - empty.length)}`);
}

/** `Host` among them. */
function headOfLines(count: number): string {
  return requestHead("GET /health", ...Array.from({ length: count - 1 }, (_, index) => `X-Line-${index}: x`));
}

describe("a head", () => {
  it.each([4 * KiB, 5 * KiB, 16 * KiB])("may have %i bytes, in one segment or in several", async (bytes) => {
    const head = headOf(bytes);
    expect(head.length).toBe(bytes);
    expect(await sendRaw(server.port, head)).toMatchObject({ status: 200 });
    // Before the end of its first line the library does not wait for more.
    const cuts = [100, 1000, 4000, 4096, bytes - 1];
    const parts = cuts.map((cut, index) => head.slice(cuts[index - 1] ?? 0, cut));
    expect(await sendRaw(server.port, ...parts, head.slice(bytes - 1))).toMatchObject({ status: 200 });
  });

  it("may have 98 lines", async () => {
    expect(await sendRaw(server.port, headOfLines(98))).toMatchObject({ status: 200 });
  });

  it.each([() => headOf(16 * KiB + 1), () => headOfLines(99)])("above its limit is answered 431", async (head) => {
    expect(await sendRaw(server.port, head())).toMatchObject({ status: 431 });
  });

  it("of a handshake may carry large cookies", async () => {
    const cookie = `Cookie: session=${"x".repeat(12 * KiB)}`;
    expect(await sendRaw(server.port, upgradeHead("/ws/desk-1?token=ti_desk-one", cookie))).toMatchObject({
      status: 101,
    });
  });
});
