#!/usr/bin/env node
/** Writes what the public port serves as documents: `dist/documents` holds a file for each path, and nothing else. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { llmsFullTxt, llmsTxt } from "./llms.mjs";
import { readPages } from "./pages.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = join(root, "dist", "documents");

const sections = readPages(root);
const openApi = readFileSync(join(root, "gen", "openapi.json"), "utf8");
const asyncApi = readFileSync(join(root, "docs", "asyncapi.json"), "utf8");

const documents = new Map([
  ["/llms.txt", llmsTxt(sections, JSON.parse(openApi), JSON.parse(asyncApi))],
  ["/llms-full.txt", llmsFullTxt(sections)],
  ["/openapi.json", openApi],
  ["/asyncapi.json", asyncApi],
  ...sections.flatMap(({ pages }) => pages).map(({ path, text }) => [path, text]),
]);

mkdirSync(target, { recursive: true });
for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name);
  if (entry.isFile() && !documents.has(file.slice(target.length))) rmSync(file);
}
for (const [path, text] of documents) {
  const file = join(target, path);
  // A server that starts meanwhile reads whole files.
  if (existsSync(file) && readFileSync(file, "utf8") === text) continue;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
