import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Base64 } from "../../src/wire/base64.js";

function decode(text: string, sliceCharacters = 7): string {
  const bytes = Buffer.from(`"${text}"`);
  const base64 = new Base64(bytes, 1, bytes.length - 1);
  while (!base64.run(sliceCharacters));
  return Buffer.from(base64.result()).toString("hex");
}

describe("base64 in a JSON string", () => {
  it("is decoded in slices of any size, in both alphabets, with and without padding", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 90 }), (bytes, slice) => {
        const data = Buffer.from(bytes);
        for (const text of [
          data.toString("base64"),
          data.toString("base64url"),
          data.toString("base64").replace(/=+$/, ""),
        ])
          expect(decode(text, slice)).toBe(data.toString("hex"));
      }),
    );
  });

  it.each([
    ["a slash with its escape, as PHP writes it", "\\/\\/\\/\\/", "ffffff"],
    ["characters as codes", "\\u0051Q\\u003d=", "41"],
    ["lines", "QU\\r\\nJD\\n", "414243"],
  ])("may have %s", (_, text, hex) => {
    for (const slice of [1, 2, 5, 100]) expect(decode(text, slice)).toBe(hex);
  });

  it.each(["Q", "QUJDQ", "QQ=", "QQ===", "QQ=Q", "QQ==QQ==", "Q!==", "QUJ\\\\", "Q\\u0100JD", "é"])(
    "is refused when it is %j",
    (text) => {
      for (const slice of [1, 3, 100]) expect(() => decode(text, slice)).toThrow("no base64");
    },
  );
});
