/** Tables and numbers as the report writes them. */

/** @param {string[]} head the first column is text, the others are numbers */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** Three significant digits, thousands grouped. */
export function number(value) {
  if (value === undefined || Number.isNaN(value)) return "–";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

export const ratio = (value) => (value === undefined ? "–" : value.toFixed(value < 0.1 ? 3 : 2));
export const percent = (value) => `${Math.round(value * 100)} %`;
export const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
