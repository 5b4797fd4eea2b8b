/** The Markdown pages that the public port serves: which, where, and with links that work there. */

import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { replaceLinks, withoutLinks } from "./links.mjs";

/** In the order in which readers need them. */
const sections = {
  "Using it": [
    "README.md",
    "docs/CONSUMING.md",
    "docs/PUBLISHING.md",
    "docs/WEBHOOKS.md",
    "docs/CLIENT.md",
    "gen/api.md",
    "docs/ERRORS.md",
  ],
  "Running it": ["docs/OPERATIONS.md", "docs/SETTINGS.md", "docs/METRICS.md", "docs/RELIABILITY.md"],
};
/** The name is of llmstxt.org: what may be left out where a short context is needed. Every other page of `docs/` stands here too. */
const optional = ["docs/ARCHITECTURE.md", "docs/PERFORMANCE.md", "CHANGELOG.md"];

/** Where other files are served that pages link to. */
const documents = { "gen/openapi.json": "/openapi.json", "docs/asyncapi.json": "/asyncapi.json" };

/** Of the repository that stands in `root`, by section. */
export function readPages(root) {
  const ordered = [...Object.values(sections).flat(), ...optional];
  const others = readdirSync(`${root}/docs`, { recursive: true })
    .map((name) => `docs/${name}`)
    .filter((file) => file.endsWith(".md") && !ordered.includes(file))
    .sort();
  const bySection = Object.entries({ ...sections, Optional: [...optional, ...others] });
  const files = bySection.flatMap(([, names]) => names);
  const paths = new Map([...Object.entries(documents), ...files.map((file) => [file, pathOf(file)])]);
  return bySection.map(([title, names]) => ({
    title,
    pages: names.map((file) => createPage(file, readFileSync(`${root}/${file}`, "utf8"), paths)),
  }));
}

function createPage(file, markdown, paths) {
  const path = pathOf(file);
  const linked = (hrefOf) =>
    replaceLinks(markdown, (text, target, heading) => {
      const name = posix.join(posix.dirname(file), target).replace(/\/$/, "");
      const served = paths.get(name);
      return served === undefined ? inSource(text, name) : `[${text}](${hrefOf(served)}${heading})`;
    });
  return {
    path,
    title: /^# (.+)$/m.exec(markdown)?.[1] ?? file,
    description: firstSentence(markdown),
    /** For readers of this page. */
    text: linked((served) => posix.relative(posix.dirname(path), served)),
    /** For readers of a file that holds several pages. */
    textElsewhere: linked((served) => served),
  };
}

/** `docs/OPERATIONS.md` and `gen/api.md` are served beside each other. */
function pathOf(file) {
  return `/docs/${file.replace(/^(docs|gen)\//, "")}`;
}

/** A file that is not served is named. */
function inSource(text, name) {
  const plain = text.replaceAll("`", "").replace(/\/$/, "");
  return name.endsWith(plain) ? `\`${name}\` in the source` : `${text} (\`${name}\` in the source)`;
}

/** Of the first paragraph that is no note on how the page is made. */
function firstSentence(markdown) {
  const [, ...paragraphs] = markdown.split(/\n{2,}/);
  const paragraph = paragraphs.find((text) => /^(?!```)[\w`]/.test(text) && !text.startsWith("Generated from")) ?? "";
  const text = withoutLinks(paragraph).replaceAll("\n", " ");
  return /^.*?\.(?= |$)/.exec(text)?.[0] ?? text;
}
