/** The public port as clients see it that share no code with it: curl, and Python's standard library. */

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary.js";

const run = promisify(execFile);
let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer();
});

afterAll(() => server.close());

describe.skipIf(await lacks("python3"))("Python", () => {
  it("creates, configures, connects, publishes and reads the frame", async () => {
    const { stdout } = await run("python3", [
      "test/support/python/public_port.py",
      String(server.port),
      server.accountToken,
    ]);
    const configured = '"websocket":{"enabled":true,"events":[],"mediaBase64":false}}';
    expect(stdout.replace(/[0-9a-f-]{36}/g, "<id>").split("\n")).toEqual([
      '201 Created {"success":true,"message":"Instance created","instance":{"id":"<id>","name":"desk-py","token":"ti_desk-python","status":"disconnected"},"data":{"token":"ti_desk-python"}}',
      `200 OK {"success":true,"message":"WebSocket configured successfully",${configured}`,
      `200 OK {"success":true,"message":"WebSocket configuration retrieved",${configured}`,
      '400 Bad Request {"success":false,"error":{"message":"Invalid request body"}}',
      '405 Method Not Allowed {"success":false,"error":{"message":"Method not allowed"}}',
      '401 {"success":false,"error":{"message":"Missing token in header, Authorization header, or query parameter"}}',
      "HTTP/1.1 101 Switching Protocols True",
      '200 OK {"success":true,"message":"Event published","id":"<id>"}',
      '129 {"event":"label.update","data":{"labelId":"7"},"instanceData":{"baseUrl":"https://wa.example.net","instance":"desk-py","token":"ti_desk-python"}}',
      "",
    ]);
  });
});

describe.skipIf(await lacks("curl"))("curl", () => {
  const curl = async (...args: string[]) => (await run("curl", ["-sS", "-w", " %{http_code}", ...args])).stdout;

  beforeAll(() => server.createInstance("desk-curl", "ti_desk-curl"));

  it("reads the answer to a body that is too large, announced or in chunks", async () => {
    const file = join(temporaryDirectory(), "large.json");
    writeFileSync(file, Buffer.alloc(24 * 1024 * 1024, " "));
    const upload = ["--data-binary", `@${file}`, "-H", `token: ${server.accountToken}`];
    const json = ["-H", "Content-Type: application/json"];
    for (const coding of [[], ["-H", "Transfer-Encoding: chunked"]]) {
      const set = await curl(...upload, ...json, ...coding, `${server.url}/api/events/websocket/desk-curl`);
      expect(set).toBe('{"success":false,"error":{"message":"Invalid request body"}} 400');
      const publish = await curl(...upload, ...json, ...coding, `${server.url}/api/events/publish/desk-curl`);
      expect(publish).toBe('{"success":false,"error":{"message":"Event too large"}} 413');
    }
  });

  it("is answered in HTTP/1.1 when it would rather have HTTP/2", async () => {
    expect(await curl("--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", `${server.url}/health`)).toBe(
      "1.1 200",
    );
  });

  it("sends many requests over one connection", async () => {
    const url = `${server.url}/api/events/getWebsocket/desk-curl`;
    const answers = await curl("-H", "token: ti_desk-curl", "-w", " %{num_connects}\n", ...Array<string>(5).fill(url));
    const text = '{"success":false,"error":{"message":"WebSocket not configured for this instance"}}';
    expect(answers).toBe(`${text} 1\n${`${text} 0\n`.repeat(4)}`);
  });
});
