/** The programs and commands of docs/WEBHOOKS.md and of the section on webhooks of docs/OPERATIONS.md. */

import { readFileSync } from "node:fs";

const pages = ["docs/WEBHOOKS.md", "docs/OPERATIONS.md"].map((page) => readFileSync(page, "utf8")).join("\n");

/** The commands `eventwire webhook …` in the blocks of a section, in their order: the arguments of each after `webhook`. */
export function webhookCommands(heading: string): string[][] {
  const [, rest = ""] = pages.split(new RegExp(`^##+ ${heading}$`, "m"));
  const [section = ""] = rest.split(/^##/m);
  return [...section.matchAll(/^ *eventwire webhook (.*)$/gm)].map(([, words = ""]) => words.split(" "));
}

/** The first block of this language after the heading. */
export function webhooksBlock(heading: string, language: string): string {
  const [, section = ""] = pages.split(new RegExp(`^##+ ${heading}$`, "m"));
  const code = new RegExp(`^ *\`\`\`${language}\\n([^]*?)^ *\`\`\`$`, "m").exec(section)?.[1];
  if (code === undefined) throw new Error(`There is no block of ${language} after "${heading}".`);
  return code;
}
