/** The blocks of code of docs/CONSUMING.md. A test takes each block from the page, and no block is left out. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

/** Which test runs the blocks of which sections. The first section has no heading of its own. */
const parts = {
  frames: ["Frames"],
  programs: ["With our client", "Without our client"],
  commands: ["Consuming events", "Connect", "Tickets", "All instances of an account", "Connected, but nothing arrives"],
  proxies: ["A proxy in between"],
};

export interface Block {
  /** The last heading before the block, or the number of the step that the block belongs to. */
  readonly heading: string;
  readonly language: string;
  readonly code: string;
}

export class Part {
  readonly #left: Block[];

  constructor(name: keyof typeof parts) {
    this.#left = sections().flatMap(({ title, blocks }) => (parts[name].includes(title) ? blocks : []));
  }

  /** The next block of this language after the heading that was not taken yet. */
  take(heading: string, language: string): string {
    const at = this.#left.findIndex((block) => block.heading === heading && block.language === language);
    const [block] = this.#left.splice(at, at === -1 ? 0 : 1);
    if (block === undefined) throw new Error(`There is no further block of ${language} after "${heading}".`);
    return block.code;
  }

  /** What no test has taken. */
  get left(): readonly Block[] {
    return this.#left;
  }
}

/** The titles of the sections whose blocks no test runs. */
export function sectionsWithoutTest(): string[] {
  const tested = Object.values(parts).flat();
  return sections().flatMap(({ title, blocks }) => (blocks.length === 0 || tested.includes(title) ? [] : [title]));
}

function sections(): { title: string; blocks: Block[] }[] {
  const page = readFileSync("docs/CONSUMING.md", "utf8");
  return page.split(/^(?=## )/m).map((text) => {
    const title = /^##? (.*)$/m.exec(text)?.[1] ?? "";
    const headingBefore = (end: number): string => {
      const headings = [...text.slice(0, end).matchAll(/^(?:##+ (.*)|\*\*(\d)\. .*)$/gm)];
      const [, heading, step] = headings.at(-1) ?? [];
      return heading ?? step ?? title;
    };
    const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((found) => {
      const [, language = "", code = ""] = found;
      return { heading: headingBefore(found.index), language, code: code.trimEnd() };
    });
    return { title, blocks };
  });
}

export interface Addresses {
  readonly url: string;
  readonly grpcUrl: string;
}

/** The code of a block, with the addresses and the proto files of the test in place of those of the page. */
export function localised(code: string, { url, grpcUrl }: Addresses): string {
  return code
    .replaceAll("http://localhost:8080", url)
    .replaceAll("ws://localhost:8080", url.replace("http", "ws"))
    .replaceAll("localhost:9090", new URL(grpcUrl).host)
    .replaceAll("node_modules/eventwire/proto", resolve("proto"));
}

/** What the page shows, or a gateway said, without what is made anew each time. */
export function comparable(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "TIME")
    .replace(/"position":"[^"]*"/g, '"position":"POSITION"')
    .replace(/"(token|ticket)":"[^"]*"/g, '"$1":"SECRET"');
}
