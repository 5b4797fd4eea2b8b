/** Which of two media types a client prefers (RFC 9110, section 12.5.1). */

/** Whether `accept` gives `type` a higher quality than `other`. Write both in lower case. */
export function prefers(accept: string, type: string, other: string): boolean {
  const ranges = accept.split(",").map(readRange);
  return qualityOf(type, ranges) > qualityOf(other, ranges);
}

interface Range {
  readonly name: string;
  /** From 0 to 1. 0 means that the client does not want the type. */
  readonly quality: number;
}

function readRange(text: string): Range {
  const [name = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter));
  if (weight === undefined) return { name, quality: 1 };
  const quality = Number(weight.slice(weight.indexOf("=") + 1).trim() || "nothing");
  return { name, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

/** The quality of a media type. The most specific range that matches it counts. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  const family = `${type.slice(0, type.indexOf("/"))}/*`;
  for (const name of [type, family, "*/*"]) {
    const found = ranges.filter((range) => range.name === name).map(({ quality }) => quality);
    if (found.length > 0) return Math.max(...found);
  }
  return 0;
}
