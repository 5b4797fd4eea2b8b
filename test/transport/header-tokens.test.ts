/** Where a token stands in a request, byte by byte: every port and every face reads it alike. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callHead, flag, frame, frameType, openFrames } from "../support/h2-frames.js";
import { type RunningServer, startServerProgram } from "../support/program.js";
import { requestHead, sendRaw } from "../support/raw-http.js";

const right = "account-token-1";
const list = "/eventwire.v1.InstanceService/ListInstances";

let server: RunningServer;
let end = async (): Promise<void> => {};
const dataDir = mkdtempSync(join(tmpdir(), "eventwire-tokens-"));
beforeAll(async () => {
  const env = { DATA_DIR: dataDir, ACCOUNT_TOKEN: right, RATE_LIMIT_GLOBAL: "0" };
  server = await startServerProgram(env, (ended) => {
    end = ended;
  });
});
afterAll(async () => {
  await end();
  rmSync(dataDir, { recursive: true, force: true });
});

const portOf = (url: string): number => Number(new URL(url).port);

/** The status of one list of instances by REST, and by Connect on either port. A lost connection is 0. */
async function statuses(lines: readonly string[]): Promise<number[]> {
  const json = ["Content-Type: application/json", "Content-Length: 2"];
  const connect = `${requestHead(`POST ${list}`, ...lines, ...json)}{}`;
  const answers = await Promise.all([
    sendRaw(portOf(server.url), Buffer.from(requestHead("GET /api/instance/list", ...lines), "latin1")),
    sendRaw(portOf(server.url), Buffer.from(connect, "latin1")),
    sendRaw(portOf(server.grpcUrl), Buffer.from(connect, "latin1")),
  ]);
  return answers.map((answer) => answer?.status ?? 0);
}

describe("a token", () => {
  it.each([
    ["alone", [`token: ${right}`]],
    ["with spaces and tabs around it", [`token: \t ${right} \t`]],
    // The parser of the public port cuts these off before we see them.
    ["with bytes around it that no token has", [`token: \xc3\xa9${right}\xe9`]],
    ["with spaces around it that only Unicode knows", [`token: \xa0${right}\xe2\x80\xa8`]],
    ["as a bearer", [`Authorization: Bearer ${right}`]],
    ["as a bearer of another case, after two spaces", [`authorization: bEARER  ${right} `]],
    ["as a bearer, with an empty header for it", ["token: ", `Authorization: Bearer ${right}`]],
    ["as the first of two", [`token: ${right}`, "token: wrong"]],
    ["after an empty one", ["token: ", `token: ${right}`]],
    ["after an empty bearer", ["Authorization: ", `Authorization: Bearer ${right}`]],
    ["before a wrong bearer", [`token: ${right}`, "Authorization: Bearer wrong"]],
    ["as the first of two bearers", [`Authorization: Bearer ${right}`, "Authorization: Bearer wrong"]],
  ])("is taken %s", async (_, lines) => {
    expect(await statuses(lines)).toEqual([200, 200, 200]);
  });

  it.each([
    ["with a byte within it", [`token: ${right.slice(0, 4)}\xe9${right.slice(4)}`]],
    ["after another", ["token: wrong", `token: ${right}`]],
    ["in a list", [`token: ${right}, wrong`]],
    ["before a comma", [`token: ${right},`]],
    ["with a character within it that Latin-1 does not have", [`token: ${right}\xf0\x9f\x98\x80x`]],
    ["in another case", [`token: ${right.toUpperCase()}`]],
    ["after a wrong header, as a bearer", ["token: wrong", `Authorization: Bearer ${right}`]],
    ["after a wrong bearer", ["Authorization: Bearer wrong", `Authorization: Bearer ${right}`]],
    ["after a tab, as a bearer", [`Authorization: Bearer\t${right}`]],
    ["with a word after it, as a bearer", [`Authorization: Bearer ${right} x`]],
    ["by another scheme", [`Authorization: Basic ${right}`]],
    ["without a scheme", [`Authorization: ${right}`]],
  ])("is refused %s", async (_, lines) => {
    expect(await statuses(lines)).toEqual([401, 401, 401]);
  });

  // uWebSockets ends such a connection only after ten seconds without a whole request.
  it.concurrent.each([
    ["NUL", `token: ${right}\x00`],
    ["a line end", `token: ${right}\r`],
    ["a vertical tab", `token: ${right}\x0b`],
  ])("with %s ends the connection", async (_, line) => {
    expect((await statuses([line])).every((status) => status === 0 || status === 400)).toBe(true);
  });

  it("is read over HTTP/2 as over HTTP/1.1", async () => {
    const client = await openFrames(portOf(server.grpcUrl));
    const call = async (stream: number, token: string): Promise<number | undefined> => {
      const head = callHead(list, { token, "content-type": "application/json" });
      client.send(frame(frameType.headers, flag.endHeaders, stream, head));
      client.send(frame(frameType.data, flag.endStream, stream, Buffer.from("{}")));
      // The first byte of the answer's head is its status: 200 stands at place 8 of the static table, 401 in none.
      return (await client.next(frameType.headers))?.payload[0];
    };
    expect(await call(1, right)).toBe(0x88);
    expect(await call(3, `${right}\xe9`)).toBe(0x88);
    expect(await call(5, `${right.slice(0, 4)}\xe9${right.slice(4)}`)).not.toBe(0x88);
    expect(await call(7, "wrong")).not.toBe(0x88);
    client.socket.destroy();
  });
});
