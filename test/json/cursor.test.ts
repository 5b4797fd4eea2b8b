import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursor, depthMax } from "../../src/json/cursor.js";

const accepts = (text: string): boolean => {
  const cursor = new Cursor(Buffer.from(text));
  try {
    cursor.space();
    cursor.value();
    cursor.finish();
    return true;
  } catch {
    return false;
  }
};

const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** The same text as the value of a member that is looked at. */
const acceptsMember = (text: string): boolean => {
  const cursor = new Cursor(Buffer.from(`{"a":${text},"b":0}`));
  try {
    cursor.object((key) => {
      if (key.is("a") && cursor.isObject()) cursor.object(() => cursor.value());
      else cursor.value();
    });
    cursor.finish();
    return true;
  } catch {
    return false;
  }
};

describe("the cursor agrees with JSON.parse", () => {
  it("on any JSON value, in any spacing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t", " \r\n"), (value, space) =>
        accepts(JSON.stringify(value, undefined, space)),
      ),
      { numRuns: 500 },
    );
  });

  it("on JSON with one character changed, dropped or doubled", () => {
    const broken = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.constantFrom("", '"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "\u0001"),
      )
      .map(([text, at, by]) => text.slice(0, at % text.length) + by + text.slice((at % text.length) + 1));
    fc.assert(
      fc.property(broken, (text) => {
        expect(accepts(text)).toBe(parses(text));
        expect(acceptsMember(text)).toBe(parses(`{"a":${text},"b":0}`));
      }),
      { numRuns: 3_000 },
    );
  });

  it.each(
    [
      "",
      " ",
      "-",
      "01",
      "1.",
      ".5",
      "1e",
      "1e+",
      "-0",
      "1E-9",
      "tru",
      "nul",
      "True",
      '"\\x"',
      '"\\u12g4"',
      '"\\u12',
      '"a',
      '"\t"',
    ].concat([
      "[1,]",
      "{,}",
      '{"a":1,}',
      "{'a':1}",
      '{"a" 1}',
      "[1 2]",
      "{}{}",
      "[] x",
      '{"a":}',
      "\u00a0{}",
      "1 ",
      "[",
      "NaN",
    ]),
  )("on %j", (text) => {
    expect(accepts(text)).toBe(parses(text));
  });
});

it(`takes ${depthMax} levels and refuses one more`, () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  expect(accepts(nested(depthMax))).toBe(true);
  expect(accepts(nested(depthMax + 1))).toBe(false);
  expect(accepts("[".repeat(2_000_000))).toBe(false);
});
