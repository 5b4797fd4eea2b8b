import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursor, depthMax } from "../../src/json/cursor.js";
import { JsonError } from "../../src/json/json-error.js";

/** As the value of a member, read in pieces of so many bytes. */
const accepts = (text: string, pieceBytes = Number.POSITIVE_INFINITY): boolean => {
  const cursor = new Cursor(Buffer.from(`{"a":${text}}`));
  try {
    while (!cursor.run(pieceBytes));
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

/** The same text as the value of a member that is looked into, as deep as it goes. */
const acceptsWatched = (text: string): boolean => {
  const cursor = new Cursor(Buffer.from(`{"a":${text},"b":0}`), { begin: () => true, end() {} });
  try {
    return cursor.run(Number.POSITIVE_INFINITY);
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
        expect(acceptsWatched(text)).toBe(parses(`{"a":${text},"b":0}`));
        for (const pieceBytes of [1, 3]) expect(accepts(text, pieceBytes)).toBe(parses(text));
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
      "{}}{",
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

describe("the text", () => {
  const refusal = (text: string) => {
    try {
      new Cursor(Buffer.from(text)).run(Number.POSITIVE_INFINITY);
      return "accepted";
    } catch (error) {
      return error instanceof JsonError ? `${error.message} at ${error.at}` : error;
    }
  };

  it.each([
    ["", "the text ends too early at 0"],
    [" [1]", "expected an object at 1"],
    ['{"a":1} 2', "text after the value at 8"],
    ['{"a" 1}', "expected a colon at 5"],
    ['{"a":1 "b":2}', "expected a comma or an end at 7"],
    ['{"a":01}', "expected a comma or an end at 6"],
    ['{"a":1e}', "expected a value at 7"],
    ['{"a":"\\x"}', "unknown escape at 6"],
  ])("%j is refused with its fault and the place of it", (text, fault) => {
    expect(refusal(text)).toBe(fault);
  });

  it(`takes ${depthMax} levels and refuses one more`, () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    expect(accepts(nested(depthMax - 1))).toBe(true);
    expect(accepts(nested(depthMax))).toBe(false);
    expect(accepts("[".repeat(2_000_000))).toBe(false);
  });
});

describe("a watcher", () => {
  const text = '{"a":{"b":[1,{"c":2}],"d":{}},"e":[{"f":3},[4]],"g":5}';

  /** What it is told, when it looks into the values of these keys, and into elements if asked to. */
  function told(names: string, elements = false, pieceBytes = Number.POSITIVE_INFINITY): string[] {
    const lines: string[] = [];
    const starts: number[] = [];
    const cursor = new Cursor(Buffer.from(text), {
      begin(at, depth) {
        starts[depth] = at.at;
        return elements || [...names].some((name) => at.keyIs(name));
      },
      end: (at, depth) => void lines.push(`${depth} ${text.slice(starts[depth], at.at)}`),
    });
    while (!cursor.run(pieceBytes));
    return lines;
  }

  it("is told of the members of the root, and of what it looks into", () => {
    expect(told("")).toEqual(['1 {"b":[1,{"c":2}],"d":{}}', '1 [{"f":3},[4]]', "1 5"]);
    expect(told("ac")).toEqual(['2 [1,{"c":2}]', "2 {}", '1 {"b":[1,{"c":2}],"d":{}}', '1 [{"f":3},[4]]', "1 5"]);
  });

  it("is told of elements, and of all there is", () => {
    const all = told("", true);
    expect(all).toContain("3 1");
    expect(all).toContain("4 2");
    expect(all).toContain("3 4");
    expect(all).toHaveLength(12);
    for (const pieceBytes of [1, 2, 7]) expect(told("", true, pieceBytes)).toEqual(all);
  });
});
