/**
 * Reads the documents that the public port serves and the build has collected. Writes into them the URL at which
 * clients reach this gateway.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import type { Document, Documents } from "./transport/uws/documents.js";

const contentTypes: Record<string, string> = {
  ".json": "application/json; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
};

/** By path: how `publicUrl` is written into a document. All other documents are served byte for byte. */
const localise: Record<string, (text: string, publicUrl: string) => string> = {
  "/openapi.json": (text, url) => edited(text, { servers: [{ url }] }),
  "/asyncapi.json": (text, publicUrl) => {
    const { protocol, host, pathname } = new URL(publicUrl);
    const { gateway } = JSON.parse(text).servers;
    const place = { host, protocol: protocol === "https:" ? "wss" : "ws", ...(pathname !== "/" && { pathname }) };
    return edited(text, { servers: { gateway: { ...gateway, ...place } } });
  },
  "/llms.txt": withWholeLinks,
  "/llms-full.txt": withWholeLinks,
};

/** Reads all documents into memory. When the build has made no documents, throws an error that says what to do. */
export function readDocuments(publicUrl: string): Documents {
  const directory = findDirectory();
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = file.slice(directory.length);
      const text = readFileSync(file, "utf8");
      return [path, createDocument(path, localise[path]?.(text, publicUrl) ?? text)];
    }),
  );
}

function findDirectory(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve("#documents/llms.txt"));
  } catch (cause) {
    throw new Error("The documents are missing: npm run build makes them, and DOCS=off does without.", { cause });
  }
}

function createDocument(path: string, text: string): Document {
  const contentType = contentTypes[extname(path)];
  if (contentType === undefined) throw new Error(`The document ${path} has no known type.`);
  const digest = createHash("sha256").update(text).digest("base64url");
  return { contentType, body: Buffer.from(text), etag: `"${digest.slice(0, 22)}"` };
}

function edited(json: string, members: object): string {
  return `${JSON.stringify({ ...JSON.parse(json), ...members }, null, 2)}\n`;
}

/** Puts `publicUrl` before each link that begins at the root, so that the link also works outside this server. */
function withWholeLinks(text: string, publicUrl: string): string {
  return text.replaceAll("](/", () => `](${publicUrl}/`);
}
