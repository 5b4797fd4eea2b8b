/** The programs of docs/CONSUMING.md, each started against a gateway of the test. They print what they get. */

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { bundleForBrowser } from "./browser-bundle.js";
import { serveChromiumPage } from "./chromium-page.js";
import { type Addresses, localised, type Part } from "./consuming-page.js";
import { watchProgram } from "./program.js";
import { createProject } from "./project.js";
import { goPath, type RequirementName } from "./requirements.js";
import { temporaryDirectory } from "./temporary.js";
import { askTicket } from "./tickets.js";

/** What the server of a page gives out when the gateway gives none, so that the page reads a refusal. */
const wrongTicket = `tk_${"0".repeat(43)}`;

export interface RunningConsumer {
  /** A line for each event. */
  readonly events: readonly string[];
  /** What the program says of its connection, a line each. */
  readonly words: readonly string[];
}

export interface ConsumerProgram {
  readonly name: string;
  readonly needs: readonly RequirementName[];
  /**
   * Starts the program with the token of its instance. The program ends with its test. The server of a page fetches the
   * page's tickets from `ticketsFrom`, or else from the gateway in `addresses`.
   */
  start(addresses: Addresses, token: string, ticketsFrom?: string): Promise<RunningConsumer>;
}

/** Takes the blocks from the page. */
export function consumerPrograms(part: Part): Record<"ours" | "foreign" | "grpc", readonly ConsumerProgram[]> {
  const python = part.take("In Python", "python");
  const go = part.take("In Go", "go");
  return {
    ours: [
      inNode("our client in Node.js", part.take("With our client", "js")),
      inBrowser("our client in a browser", part.take("With our client", "html")),
    ],
    foreign: [
      inBrowser("a page without our client", part.take("In a browser", "html")),
      {
        name: "Python",
        needs: ["python3-websockets"],
        start: async (at, token) => run("/usr/bin/python3", ["-c", python], at, token),
      },
      { name: "Go", needs: ["go", "go-websocket"], start: async (at, token) => run(await build(go), [], at, token) },
    ],
    grpc: [inNode("gRPC in Node.js", part.take("Over gRPC", "js"))],
  };
}

function inNode(name: string, code: string): ConsumerProgram {
  return {
    name,
    needs: [],
    start: async (at, token) => run(process.execPath, [createProject(localised(code, at), ["@grpc"])], at, token),
  };
}

function inBrowser(name: string, html: string): ConsumerProgram {
  const code = html.replace(/<\/?script.*>/g, "");
  return {
    name,
    needs: ["chromium"],
    async start(at, token, ticketsFrom = at.url) {
      const page = await serveChromiumPage();
      page.answer("/ticket", async () => (await askTicket(ticketsFrom, token, "desk-1")).ticket || wrongTicket);
      const reporting = ["log", "warn", "error"].map(
        (level) => `console.${level} = (...what) => report(["${level}", what.join(" ")]);`,
      );
      const module = [...reporting, localised(code, at)].join("\n");
      page.open(await bundleForBrowser(createProject(module)));
      const told = (isEvent: boolean) =>
        (page.told as [string, string][]).flatMap(([level, text]) => ((level === "log") === isEvent ? [text] : []));
      return {
        get events() {
          return told(true);
        },
        get words() {
          return told(false);
        },
      };
    },
  };
}

function run(command: string, args: readonly string[], { url }: Addresses, token: string): RunningConsumer {
  const program = watchProgram(command, args, { EVENTWIRE_URL: url, EVENTWIRE_TOKEN: token });
  const lines = (text: string) => text.split("\n").slice(0, -1);
  return {
    get events() {
      return lines(program.stdout);
    },
    get words() {
      return lines(program.stderr);
    },
  };
}

/** Compiles a program with the libraries of Debian, and returns the path of the executable. */
async function build(code: string): Promise<string> {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "main.go"), code);
  const env = { ...process.env, GO111MODULE: "off", GOPATH: goPath, GOFLAGS: "" };
  await promisify(execFile)("go", ["build", "-o", "consumer", "main.go"], { cwd: directory, env });
  return join(directory, "consumer");
}
