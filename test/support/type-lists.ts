/** Lists of the event types in a text, for the check that the contract and the domain have the only two. */

/** So many names in a row, with nothing but punctuation between them, are meant as the list of all. */
const listedMin = 4;

/** What is wrong with the text, or undefined. `types` are all event types. */
export function findTypeList(text: string, types: readonly string[]): string | undefined {
  const name = `["'\`]?(?:${types.map((type) => type.replaceAll(".", "\\.")).join("|")})["'\`]?`;
  const row = new RegExp(`${name}(?:(?:[^\\w"'\`]|and|or){1,60}${name}){${listedMin - 1},}`).exec(text);
  if (row !== null) return `it lists event types: ${row[0]}`;
  if (types.every((type) => text.includes(type))) return "it names every event type";
  const count = /\b(?:all|the) (?:six|seven|eight|nine|ten)(?: event)?(?: types?\b|[.,;:"]|$)/im.exec(text);
  return count === null ? undefined : `it counts the event types: ${count[0]}`;
}
