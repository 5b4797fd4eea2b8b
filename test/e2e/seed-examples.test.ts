/**
 * The printed examples, run by the programs that they are written for, as they are printed but for the base URL. A proxy
 * between them and the server notes each answer, since most examples throw theirs away.
 */

import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary.js";

const run = promisify(execFile);
const printedBaseUrl = "https://gateway.example.com";
const document = readFileSync("test/e2e/seed-examples.md", "utf8");

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

let server: PublicServer;
const answers: Answer[] = [];
const proxy = createServer((asked, answer) => {
  const { method, url: path, headers } = asked;
  const forward = httpRequest(`${server.url}${path}`, { method, headers }, (response) => {
    response.setEncoding("utf8");
    let text = "";
    response.on("data", (chunk) => {
      text += chunk;
    });
    response.on("end", () => {
      answers.push({ status: response.statusCode, text });
      answer.writeHead(response.statusCode ?? 0, response.headers).end(text);
    });
  });
  asked.pipe(forward);
});
let baseUrl: string;

beforeAll(async () => {
  server = await startPublicServer();
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  baseUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
});

afterAll(async () => {
  proxy.close();
  await server.close();
});

/** The one block of a section in a language. */
function block(section: string, language: string): string {
  const [, text = ""] = document.split(`\n## ${section}\n`);
  const [, code] = new RegExp(`\`\`\`${language}\\n([^]*?)\\n\`\`\`\\n`).exec(text.split("\n## ")[0] ?? "") ?? [];
  if (code === undefined) throw new Error(`"${section}" has no block in ${language}`);
  return code.replaceAll(printedBaseUrl, baseUrl);
}

function confirmation(websocket: object): string {
  return JSON.stringify({ success: true, message: "WebSocket configured successfully", websocket });
}

const sections = [
  ["Enable everything", { enabled: true, events: [], mediaBase64: false }],
  ["Narrow filter", { enabled: true, events: ["message.exchange", "message.status"], mediaBase64: true }],
  ["Disable the websocket", { enabled: false, events: [], mediaBase64: false }],
] as const;

/** How each language is started, given the block; what it prints is returned. */
const languages: Record<string, { skipped: boolean; start(code: string, env: NodeJS.ProcessEnv): Promise<string> }> = {
  bash: {
    skipped: await lacks("curl"),
    start: async (code, env) => (await run("bash", ["-c", code], { env })).stdout,
  },
  javascript: {
    skipped: false,
    start: async (code, env) => (await run(process.execPath, ["--input-type=module", "--eval", code], { env })).stdout,
  },
  python: {
    skipped: await lacks("python3-requests"),
    start: async (code, env) => (await run("/usr/bin/python3", ["-c", code], { env })).stdout,
  },
  go: {
    skipped: await lacks("go"),
    start: async (code, env) => {
      const file = join(temporaryDirectory(), "main.go");
      writeFileSync(file, code);
      return (await run("go", ["run", file], { env })).stdout;
    },
  },
};

describe.each(Object.entries(languages))("the examples in %s", (language, { skipped, start }) => {
  it.skipIf(skipped).each(sections)("%s", { timeout: 60_000 }, async (section, websocket) => {
    const instance = `seed-${language}-${section.replaceAll(" ", "-")}`;
    const token = `ti_${instance}`;
    await server.createInstance(instance, token, { enabled: true, events: ["group.flow"] });
    answers.length = 0;
    const printed = await start(block(section, language), {
      ...process.env,
      Instance_Name: instance,
      Token_Instance: token,
    });
    expect(answers).toEqual([{ status: 200, text: confirmation(websocket) }]);
    expect(printed).toBe(language === "bash" ? confirmation(websocket) : "");
    expect((await server.call("GET", `/api/events/getWebsocket/${instance}`)).text).toBe(
      JSON.stringify({ success: true, message: "WebSocket configuration retrieved", websocket }),
    );
  });
});

describe("the template", () => {
  it.skipIf(languages.bash?.skipped)("works once its placeholders are filled", async () => {
    await server.createInstance("seed-template", "ti_seed-template");
    const filled = block("Template", "bash")
      .replace(":instance", "seed-template")
      .replace("<content-type>", "application/json")
      .replace("<token>", server.accountToken)
      .replace("<string>", "call.update");
    const printed = await languages.bash?.start(filled, process.env);
    expect(printed).toBe(confirmation({ enabled: true, events: ["call.update"], mediaBase64: true }));
  });
});

describe("the printed answers", () => {
  it("of a success", async () => {
    await server.createInstance("seed-success", "ti_seed-success");
    const printed = JSON.parse(block("Success response", "json"));
    const { status, text } = await server.call("POST", "/api/events/websocket/seed-success", printed.websocket);
    expect([status, text]).toEqual([200, JSON.stringify(printed)]);
  });

  it("of an error", async () => {
    await server.createInstance("seed-error", "ti_seed-error");
    const { status, text } = await server.call("POST", "/api/events/websocket/seed-error", {});
    expect([status, text]).toEqual([400, JSON.stringify(JSON.parse(block("Error envelope", "json")))]);
  });
});
