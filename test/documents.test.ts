/** The documents that a gateway serves: all are found from the index, and every link leads somewhere. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "./support/public-server.js";
import { openRaw, requestHead, sendRaw } from "./support/raw-http.js";

const publicUrl = "https://wa.example.net/gateway";
const documents = ["/llms.txt", "/llms-full.txt", "/openapi.json", "/asyncapi.json"];
const pages = [
  "/docs/README.md",
  "/docs/api.md",
  "/docs/OPERATIONS.md",
  "/docs/SETTINGS.md",
  "/docs/reliability/faults.md",
];
/** The pages in the source. */
const sources = [".", "docs", "gen"]
  .flatMap((folder) => readdirSync(folder, { recursive: folder === "docs" }).map((name) => join(folder, String(name))))
  .filter((file) => file.endsWith(".md"));

let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer({
    PUBLIC_URL: publicUrl,
    RATE_LIMIT_GLOBAL: "1",
    ALLOWED_ORIGINS: "https://app.example.net",
  });
});

afterAll(() => server.close());

async function get(path: string): Promise<string> {
  const response = await fetch(`${server.url}${path}`);
  expect(response.status, path).toBe(200);
  return response.text();
}

/** The targets of its links, without what stands in code. */
function linksOf(markdown: string): string[] {
  const text = markdown.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, "``");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** As those who render Markdown name them. */
function headingsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("the documents", () => {
  it.each([...documents, ...pages])("%s is answered to anyone, and nobody is charged", async (path) => {
    const types: Record<string, string> = { txt: "text/plain", md: "text/markdown", json: "application/json" };
    for (const method of ["GET", "HEAD", "GET"]) {
      const response = await fetch(`${server.url}${path}`, { method });
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe(`${types[path.split(".").at(-1) ?? ""]}; charset=utf-8`);
      expect(response.headers.get("x-ratelimit-limit")).toBeNull();
      expect((await response.text()) === "").toBe(method === "HEAD");
    }
  });

  it("are the same bytes under the same tag for those who have them", async () => {
    for (const path of documents) {
      const first = await fetch(`${server.url}${path}`);
      const tag = first.headers.get("etag") ?? "";
      expect(tag).toMatch(/^"[\w-]{22}"$/);
      await first.text();
      const again = await fetch(`${server.url}${path}`, { headers: { "if-none-match": tag } });
      expect([again.status, again.headers.get("etag")]).toEqual([304, tag]);
    }
  });

  it("name the gateway as clients reach it", async () => {
    expect(JSON.parse(await get("/openapi.json")).servers).toEqual([{ url: publicUrl }]);
    expect(JSON.parse(await get("/asyncapi.json")).servers.gateway).toMatchObject({
      host: "wa.example.net",
      pathname: "/gateway",
      protocol: "wss",
    });
  });

  it("are refused where they are asked in two ways", async () => {
    expect(await sendRaw(server.port, requestHead("GET /llms.txt", "Host: a", "Host: b"))).toMatchObject({
      status: 400,
    });
  });

  it.each(["POST", "PUT", "DELETE"])("take no %s", async (method) => {
    const response = await fetch(`${server.url}/docs/README.md`, { method });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
    expect(await response.json()).toEqual({ success: false, error: { message: "Method not allowed" } });
  });

  it("are all that there is", async () => {
    const connection = await openRaw(server.port);
    for (const path of [
      "/docs",
      "/docs/",
      "/docs/nothing.md",
      "/docs/readme.md",
      "/docs/README.md/",
      "/docs//README.md",
      "/docs/%52EADME.md",
      "/docs/../package.json",
      "/docs/../../package.json",
      "/docs/%2e%2e/%2e%2e/package.json",
      "/docs/..%2f..%2fpackage.json",
      "/docs/..\\..\\package.json",
      "/docs/reliability/../README.md",
      "/docs/.",
      "/documents/llms.txt",
    ]) {
      await connection.send(requestHead(`GET ${path}`));
      const response = await connection.response();
      expect(response, path).toMatchObject({ status: 404, body: '{"success":false,"error":{"message":"Not found"}}' });
    }
    connection.destroy();
  });
});

describe("the index", () => {
  it("has the form of llmstxt.org", async () => {
    const index = await get("/llms.txt");
    expect(index).toMatch(/^# Eventwire\n\n> \S.+\n\n## /);
    const [, ...sections] = index.split(/^## /m);
    expect(sections.at(-1)).toMatch(/^Optional\n/);
    for (const section of sections) expect(section).toMatch(/^.+\n\n(- \[.+\]\(https:\/\/.+\)(: .+\.)?\n)+\n?$/);
  });

  it("leads to every document, under the address that clients know", async () => {
    const links = linksOf(await get("/llms.txt"));
    for (const path of [...documents.slice(1), ...pages]) expect(links).toContain(`${publicUrl}${path}`);
    for (const link of links) {
      expect(link.startsWith(`${publicUrl}/`)).toBe(true);
      await get(link.slice(publicUrl.length));
    }
  });
});

describe("links", () => {
  it("of the pages lead to a page that has what they name", async () => {
    const queue = linksOf(await get("/llms.txt")).map((link) => link.slice(publicUrl.length));
    const texts = new Map<string, string>();
    const followed: string[] = [];
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      if (texts.has(path)) continue;
      texts.set(path, await get(path));
      if (path.endsWith(".md")) queue.push(...targets(path).map(([target]) => target));
    }
    for (const path of [...texts.keys()].filter((one) => one.endsWith(".md"))) {
      for (const [target, heading] of targets(path)) {
        followed.push(target);
        if (heading !== "") expect(headingsOf(texts.get(target) ?? ""), `${path} to ${target}`).toContain(heading);
      }
    }
    expect(followed.length).toBeGreaterThan(30);

    /** Path and heading of each link that leads to this server. */
    function targets(path: string): [path: string, heading: string][] {
      return linksOf(texts.get(path) ?? "")
        .map((link) => new URL(link, `http://gateway${path}`))
        .filter(({ host }) => host === "gateway")
        .map(({ pathname, hash }) => [pathname, decodeURIComponent(hash.slice(1))]);
    }
  });

  it("of the one file with all pages are whole", async () => {
    const links = linksOf(await get("/llms-full.txt")).filter((link) => !/^(#|https?:)/.test(link));
    expect(links).toEqual([]);
  });

  it.each(sources)("of %s in the source lead to a file that is there", (file) => {
    for (const link of linksOf(readFileSync(file, "utf8"))) {
      const { host, pathname } = new URL(link, `http://source/${file}`);
      if (host === "source") expect(existsSync(pathname.slice(1)), link).toBe(true);
    }
  });
});

it("DOCS=off answers none of them", async () => {
  const silent = await startPublicServer({ DOCS: "off" });
  for (const path of [...documents, ...pages]) {
    const response = await fetch(`${silent.url}${path}`);
    expect([response.status, await response.json()]).toEqual([
      404,
      { success: false, error: { message: "Not found" } },
    ]);
  }
  await silent.close();
});
