/** The client in a bundle for browsers: how large it is, and that nothing of Node.js or of gRPC comes along. */

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { bundleForBrowser } from "../support/browser-bundle.js";

it("is as small as its page says, and at most 12 KB", async () => {
  const code = await bundleForBrowser("dist/src/client/browser.js");
  expect(code).not.toMatch(/\bimport\b[^(]*from|\bimport\(|node:|connectrpc|bufbuild/);
  const kilobytes = gzipSync(code, { level: 9 }).length / 1000;
  const [, said] = /(\d+\.\d) KB after gzip/.exec(readFileSync("docs/CLIENT.md", "utf8")) ?? [];
  expect(said).toBe((Math.ceil(kilobytes * 10) / 10).toFixed(1));
  expect(kilobytes).toBeLessThan(12);
});
