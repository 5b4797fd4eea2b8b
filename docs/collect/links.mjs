/** Links in Markdown, without touching code. */

const codeOrLink = /(```[\s\S]*?```|`[^`\n]*`)|\[([^\]]*)\]\(([^)\s]+)\)/g;

/** What `replace` makes of each link that leads to another file; others stay as they are. */
export function replaceLinks(markdown, replace) {
  return markdown.replaceAll(codeOrLink, (all, code, text, target) => {
    if (code !== undefined || /^(#|[a-z]+:)/i.test(target)) return all;
    const [path, heading] = target.split("#");
    return replace(text, path, heading === undefined ? "" : `#${heading}`);
  });
}

/** The text alone, of all links. */
export function withoutLinks(markdown) {
  return markdown.replaceAll(codeOrLink, (all, code, text) => (code === undefined ? text : all));
}
