import fc from "fast-check";
import { expect, it } from "vitest";
import { Gather } from "../../src/wire/gather.js";

it("gives the bytes that came, in whatever pieces, whatever was announced", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 });
  fc.assert(
    fc.property(pieces, fc.nat(600), (all, announced) => {
      const gather = new Gather(announced, 2_000);
      for (const piece of all) gather.add(piece);
      const whole = Buffer.concat(all);
      expect(gather.size).toBe(whole.length);
      expect(gather.whole().equals(whole)).toBe(true);
    }),
  );
});

it("keeps nothing of a piece that its owner takes back", () => {
  const gather = new Gather(0, 100);
  const piece = Buffer.from("abc");
  gather.add(piece);
  piece.fill("x");
  expect(gather.whole().toString()).toBe("abc");
});

it("reserves no more for a body than there may be of it", () => {
  const gather = new Gather(Number.MAX_SAFE_INTEGER, 8);
  gather.add(Buffer.from("12345678"));
  expect(gather.whole().buffer.byteLength).toBeLessThan(16 * 1024);
});
