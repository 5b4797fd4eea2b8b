/** How much of request bodies is counted as held, and who still gets room. */

import { describe, expect, it } from "vitest";
import { BodyBudget } from "../../src/transport/body-budget.js";

const KiB = 1024;

/** A message of a stream, after its prefix. */
function message(size: number): Buffer {
  const bytes = Buffer.alloc(5 + size);
  bytes.writeUInt32BE(size, 1);
  return bytes;
}

describe("the budget", () => {
  it("leaves its last eighth to small bodies", () => {
    const budget = new BodyBudget(800 * KiB);
    expect(budget.open().grow(700 * KiB)).toBe(true);
    expect(budget.open().grow(65 * KiB)).toBe(false);
    expect(budget.open().grow(64 * KiB)).toBe(true);
    expect(budget.bytes).toBe(764 * KiB);
    expect(budget.open().grow(36 * KiB)).toBe(true);
    expect(budget.open().grow(1)).toBe(false);
  });

  it("counts a body as large from the byte on that makes it large", () => {
    const budget = new BodyBudget(800 * KiB);
    budget.open().grow(690 * KiB);
    const body = budget.open();
    expect(body.grow(64 * KiB)).toBe(true);
    expect(body.grow(1)).toBe(false);
    expect(budget.bytes).toBe(754 * KiB);
  });

  it("has what was released, once", () => {
    const budget = new BodyBudget(100 * KiB);
    const body = budget.open();
    body.grow(80 * KiB);
    body.release();
    body.release();
    expect(body.grow(80 * KiB)).toBe(true);
    expect(budget.bytes).toBe(0);
  });
});

describe("a body that is one message", () => {
  it("is held until it is released, read or not", () => {
    const budget = new BodyBudget(100 * KiB);
    const body = budget.open();
    body.grow(10);
    body.read(Buffer.alloc(10));
    expect(budget.bytes).toBe(10);
  });
});

describe("a stream of messages", () => {
  it.each([1, 2, 4, 5, 6, 7, 50, 105, 106, 1000])(
    "holds what is unread, and the unfinished message: pieces of %i",
    (size) => {
      const budget = new BodyBudget(100 * KiB);
      const body = budget.openStream();
      const lengths = [100, 0, 300, 0, 0, 7];
      const bytes = Buffer.concat(lengths.map(message));
      const ends = lengths.map((_, index) => Buffer.concat(lengths.slice(0, index + 1).map(message)).length);
      body.grow(bytes.length);
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + size);
        body.read(piece);
        at += piece.length;
        const begin = Math.max(0, ...ends.filter((end) => end <= at));
        expect(budget.bytes).toBe(bytes.length - at + (at - begin));
      }
      expect(budget.bytes).toBe(0);
    },
  );
});
