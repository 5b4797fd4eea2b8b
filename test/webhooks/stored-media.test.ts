/** The media of an event is stored as raw bytes where that gives its data back byte for byte, and as text where not. */

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { MediaSlot } from "../../src/bus/bus.js";
import { checkEventData } from "../../src/service/event-data.js";
import { packMedia, unpackMedia } from "../../src/webhooks/stored-media.js";

async function contentOf(json: string): Promise<{ data: Buffer; slot: MediaSlot | undefined; media: undefined }> {
  const data = Buffer.from(json);
  return { data, slot: (await checkEventData("message.exchange", data)).slot, media: undefined };
}

const png = Buffer.from("89504e470d0a1a0a0000", "hex");
const canonical = png.toString("base64");
const withText = (text: string) => `{"message":{"media":{"mimetype":"image/png","base64":"${text}"},"id":1}}`;

describe("canonical base64", () => {
  it.each([
    ["at the end of the media object", withText(canonical)],
    ["before other members", `{"media":{"base64":"${canonical}","mimetype":"image/png"}}`],
    ["alone, with white space", `{ "media" : { "base64" :\n\t"${canonical}" } }`],
    ["with a key written with escapes", `{"media":{"b\\u0061se64":"${canonical}"}}`],
    ["in both layouts", `{"media":{"base64":"AAAA"},"message":{"media":{"base64":"${canonical}"}}}`],
    ["twice in one object", `{"media":{"base64":"AAAA","base64":"${canonical}","x":"base64"}}`],
  ])("is stored as raw bytes: %s", async (_, json) => {
    const content = await contentOf(json);
    const stored = packMedia(content);
    expect(stored.media).toEqual(png);
    expect(Buffer.from(stored.data).toString()).toBe(json.replace(canonical, ""));
    expect(unpackMedia(stored)).toEqual(content);
  });

  it.each([1, 2, 3, 100, 24_575, 24_576, 24_577, 3_000_001])("of %d bytes comes back byte for byte", async (size) => {
    const media = randomBytes(size);
    const content = await contentOf(withText(media.toString("base64")));
    const stored = packMedia(content);
    expect(media.equals(stored.media ?? Buffer.alloc(0))).toBe(true);
    expect(content.data.equals(unpackMedia(stored).data)).toBe(true);
  });
});

describe("other text", () => {
  it.each([
    ["empty", ""],
    ["without its padding", "aGVsbG8"],
    ["in the alphabet for URLs", "_-__"],
    ["with escaped slashes", "\\/9j\\/"],
    ["with a line break", "aGVs\\nbG8="],
    ["with bits after its end", "aGVsbG9="],
    ["with padding in the middle", "aA==aGVs"],
    ["with a space", "aGVs bG8"],
    ["no base64 at all", "*nothing"],
    ["of other letters", "äöüß"],
    ["after 100 KB of canonical base64", `${randomBytes(75_000).toString("base64")}aGVsbG9=`],
    ["with an escaped quote", 'aaaa\\"'],
  ])("stays in the data: %s", async (_, text) => {
    const content = await contentOf(withText(text));
    const stored = packMedia(content);
    expect(stored).toEqual({ ...content, at: undefined });
    expect(unpackMedia(stored)).toEqual(content);
  });

  it.each(["null", "7", '{"a":"b"}', '["aGVs"]'])("stays in the data: the value %s", async (value) => {
    const content = await contentOf(`{"media":{"x":"y","base64":${value}}}`);
    expect(unpackMedia(packMedia(content))).toEqual(content);
  });
});

it("leaves an event without media, and media that came as raw bytes, as they are", async () => {
  const without = await contentOf('{"message":{"id":"base64"}}');
  expect(unpackMedia(packMedia(without))).toEqual(without);
  const raw = { ...(await contentOf('{"media":{"mimetype":"image/png"}}')), media: png };
  expect(packMedia(raw)).toEqual({ ...raw, at: undefined });
  expect(unpackMedia(packMedia(raw))).toEqual(raw);
});

it("gives back the data of 2,000 random media objects", async () => {
  const values = [`"${canonical}"`, '"aGVsbG9="', '"a\\"b"', "null", '""', '{"base64":"AAAA"}', "[]"];
  const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
  for (let round = 0; round < 2000; round++) {
    const members = Array.from({ length: 1 + Math.floor(Math.random() * 4) }, () => {
      return `${any(["", " "])}"${any(["base64", "bas\\u006564", "x"])}"${any([":", " : "])}${any(values)}`;
    });
    const content = await contentOf(`{"${any(["media", "message"])}":{"media":{${members}},"a":1}}`);
    expect(unpackMedia(packMedia(content))).toEqual(content);
  }
});
