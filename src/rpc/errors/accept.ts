/** Decides which of two media types a client prefers, by the header `Accept` (RFC 9110, section 12.5.1). */

/** Whether the header `accept` gives `type` a higher quality than `other`. Both types must be in lower case. */
export function prefers(accept: string, type: string, other: string): boolean {
  const ranges = accept.split(",").map(readRange);
  return qualityOf(type, ranges) > qualityOf(other, ranges);
}

interface Range {
  readonly name: string;
  /** How much the client wants the media type, from 0 to 1. With 0 the client does not want the type. */
  readonly quality: number;
}

function readRange(text: string): Range {
  const [name = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
  if (weight === undefined) return { name, quality: 1 };
  const quality = Number(weight.slice(weight.indexOf("=") + 1).trim() || "nothing");
  return { name, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** Returns the quality of a media type. When several ranges match the type, the most specific range counts. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  const family = `${type.slice(0, type.indexOf("/"))}/*`;
  for (const name of [type, family, "*/*"]) {
    const found = ranges.filter((range) => range.name === name).map(({ quality }) => quality);
    if (found.length > 0) return Math.max(...found);
  }
  return 0;
}
