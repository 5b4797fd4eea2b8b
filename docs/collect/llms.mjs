/** `llms.txt`, the index as llmstxt.org describes it, and `llms-full.txt`, all pages in one. Their links begin at the root. */

export function llmsTxt(sections, openApi, asyncApi) {
  const [readme] = sections[0].pages;
  const documents = [
    link("OpenAPI", "/openapi.json", openApi.info.description),
    link("AsyncAPI", "/asyncapi.json", asyncApi.info.description),
    link("All pages in one file", "/llms-full.txt"),
  ];
  return [
    `# ${readme.title}`,
    "",
    `> ${readme.description}`,
    ...sections
      .map(({ title, pages }) => [title, pages.map((page) => link(page.title, page.path, page.description))])
      .toSpliced(1, 0, ["For machines", documents])
      .flatMap(([title, links]) => ["", `## ${title}`, "", ...links]),
    "",
  ].join("\n");
}

export function llmsFullTxt(sections) {
  const pages = sections.flatMap(({ pages }) => pages);
  return pages
    .map(({ path, textElsewhere }) => `Page: [${path}](${path})\n\n${textElsewhere.trim()}\n`)
    .join("\n---\n\n");
}

function link(title, path, description = "") {
  const note = description.replace(/ Generated .*$/, "");
  return `- [${title}](${path})${note === "" ? "" : `: ${note}`}`;
}
