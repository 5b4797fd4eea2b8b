/** The commands that speak to a running service, as programs: what they print, where, and how they end. */

import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openConsumer } from "../support/consumer.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { eventFrame, helloFrame, startForeignGateway } from "../support/foreign-gateway.js";
import { type Program, startProgram, watchProgram } from "../support/program.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary.js";

const main = resolve("dist/src/main.js");
const withoutScript = await lacks("script");
const instanceToken = "ti_token-of-desk-1";

let server: PublicServer;
let env: Record<string, string>;
beforeAll(async () => {
  server = await startPublicServer();
  await server.createInstance("desk-1", instanceToken, { enabled: true });
  env = { EVENTWIRE_URL: server.url, EVENTWIRE_TOKEN: server.accountToken };
});
afterAll(() => server?.close());

async function end(program: Program) {
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** Runs a command whose standard input is this text. */
function pipe(text: string, args: readonly string[], more: Record<string, string> = {}, after = ""): Program {
  const script = `printf '%s' "$TEXT" | "$NODE" "$MAIN" "$@" ${after}`;
  const given = { ...env, ...more, TEXT: text, NODE: process.execPath, MAIN: main };
  return watchProgram("bash", ["-o", "pipefail", "-c", script, "bash", ...args], given);
}

describe("eventwire publish", () => {
  it.each(["the service port", "the public port"])("sends its argument to %s", async (port) => {
    const consumer = await openConsumer(server.url, `/ws/desk-1?token=${instanceToken}`);
    const url = port === "the service port" ? server.server.grpcUrl : server.url;
    const data = '{"n": 12345678901234567890}';
    const { code, stdout, stderr } = await end(
      startProgram(["publish", "desk-1", "call.update", data, "--url", url], env),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({
      line: 1,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sockets: 1,
      webhooks: 0,
      otherNodesReached: true,
    });
    expect(await consumer.next()).toContain(`"data":${data},`);
  });

  it.each(["the service port", "the public port"])(
    "sends the lines of its standard input in order to %s",
    async (port) => {
      const consumer = await openConsumer(server.url, `/ws/desk-1?token=${instanceToken}`);
      const EVENTWIRE_URL = port === "the service port" ? server.server.grpcUrl : server.url;
      const lines = Array.from({ length: 100 }, (_, n) => `{"n":${n}}\n`);
      const { code, stdout } = await end(pipe(lines.join(""), ["publish", "desk-1", "call.update"], { EVENTWIRE_URL }));
      expect(code).toBe(0);
      expect(stdout.trim().split("\n")).toHaveLength(100);
      const frames = await consumer.take(100);
      expect(frames.map((frame) => JSON.parse(frame).data.n)).toEqual(Array.from(Array(100).keys()));
    },
  );

  it.each(["the service port", "the public port"])(
    "publishes each line once to %s, though it is run twice with one key",
    async (port) => {
      const consumer = await openConsumer(server.url, `/ws/desk-1?token=${instanceToken}`);
      const EVENTWIRE_URL = port === "the service port" ? server.server.grpcUrl : server.url;
      const args = ["publish", "desk-1", "call.update", "--idempotency-key", port.replaceAll(" ", "-")];
      const first = await end(pipe('{"n":1}\n{"n":2}\n', args, { EVENTWIRE_URL }));
      const second = await end(pipe('{"n":1}\n{"n":2}\n{"n":3}\n', args, { EVENTWIRE_URL }));
      expect(second.stdout.startsWith(first.stdout)).toBe(true);
      const frames = await consumer.take(3);
      expect(frames.map((frame) => JSON.parse(frame).data.n)).toEqual([1, 2, 3]);
    },
  );

  it("names the lines that were refused, publishes the others, and ends with code 1", async () => {
    const lines = '{"n":1}\n\n[]\n{"n":\n{"n":2}';
    const { code, stdout, stderr } = await end(
      pipe(lines, ["publish", "desk-1", "call.update"], { EVENTWIRE_URL: server.server.grpcUrl }),
    );
    expect(code).toBe(1);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((text) => JSON.parse(text).line),
    ).toEqual([1, 5]);
    expect(stderr).toMatch(/^eventwire: line 3: .*\(INVALID_REQUEST_BODY\)\.$/m);
    expect(stderr).toMatch(/^eventwire: line 4: No JSON: .*\.$/m);
    expect(stderr).toMatch(/^eventwire: 2 events published, 2 not\.$/m);
  });

  it("shows after a lost connection what was published meanwhile", async () => {
    await server.createInstance("desk-4", "ti_token-of-desk-4", { enabled: true });
    const publish = (n: number) =>
      server.call("POST", "/api/events/publish/desk-4", { event: "call.update", data: { n } });
    const proxy = await startDatabaseProxy(server.url);
    onTestFinished(() => proxy.close());
    const program = startProgram(["tail", "desk-4", "--url", proxy.url], env);
    await program.printed('"hello"');
    await publish(1);
    await program.printed('{"n":1}');
    await proxy.cut();
    await publish(2);
    await publish(3);
    await proxy.heal();
    await publish(4);
    await program.printed('{"n":4}');
    const frames = program.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(frames.map(({ control, data }) => control ?? data.n)).toEqual(["hello", 1, "hello", 2, 3, 4]);
    program.kill("SIGTERM");
  });

  it("ends quietly when nobody reads what it prints", async () => {
    const lines = Array.from({ length: 2_000 }, (_, n) => `{"n":${n}}\n`).join("");
    const { stderr, stdout } = await end(pipe(lines, ["publish", "desk-1", "call.update"], {}, "| head -n 1"));
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n")).toHaveLength(1);
  });
});

describe("eventwire tail", () => {
  it("prints each frame as it came, one a line, and ends by Ctrl-C with code 130", async () => {
    const gateway = await startForeignGateway();
    const program = startProgram(["tail", "desk-1", "--events", "call.update", "--url", gateway.url], env);
    const link = await gateway.link();
    expect(link.request.headers.token).toBe(server.accountToken);
    expect(link.query.get("events")).toBe("call.update");
    const event = JSON.stringify(eventFrame(1)).replace('{"n":1}', '{"n": 12345678901234567890}');
    link.send(helloFrame());
    link.socket.send(event);
    await program.printed("12345678901234567890");
    program.kill("SIGINT");
    expect(await link.closed).toBe(1000);
    expect(await end(program)).toEqual({
      code: 130,
      stdout: `${JSON.stringify(helloFrame())}\n${event}\n`,
      stderr: "",
    });
  });

  it("shows what a real service sends, and ends with code 1 and the reason when the service ends the connection", async () => {
    await server.createInstance("desk-3", "ti_token-of-desk-3", { enabled: true });
    const program = startProgram(["tail", "desk-3"], { ...env, EVENTWIRE_TOKEN: "ti_token-of-desk-3" });
    await program.printed("hello");
    const data = { type: "offer" };
    await server.call("POST", "/api/events/publish/desk-3", { event: "call.update", data });
    await program.printed("offer");
    await server.call("DELETE", "/api/instance/delete/desk-3");
    const { code, stdout, stderr } = await end(program);
    expect([code, stderr]).toEqual([1, "eventwire: The connection ended with 4004: instance deleted.\n"]);
    const lines = stdout.trim().split("\n");
    expect(lines.map((text) => JSON.parse(text))).toMatchObject([
      { control: "hello", instance: "desk-3" },
      { event: "call.update", data },
      { control: "closing", code: 4004 },
    ]);
  });

  it("is refused with a sentence", async () => {
    expect(await end(startProgram(["tail", "desk-2"], env))).toMatchObject({
      code: 1,
      stderr: "eventwire: The connection ended with 4004: 404 Instance not found (INSTANCE_NOT_FOUND).\n",
    });
  });

  it.skipIf(withoutScript)("shows coloured lines on a terminal", async () => {
    const gateway = await startForeignGateway();
    const command = `"${process.execPath}" "${main}" tail desk-1 --url ${gateway.url}`;
    const program = watchProgram("script", ["-qec", command, "/dev/null"], { ...env, TERM: "xterm-256color" });
    const link = await gateway.link();
    link.send(helloFrame(), eventFrame(1));
    await program.printed('{"n":1}');
    expect(program.stdout).toContain("\u001b[36mmessage.exchange\u001b[0m  desk-1  ");
    expect(program.stdout).toContain("\u001b[32mhello  desk-1: message.exchange\u001b[0m");
    program.kill("SIGTERM");
  });

  it("says when it was cut off, and comes back", async () => {
    const gateway = await startForeignGateway();
    const program = startProgram(["tail", "desk-1", "--url", gateway.url], env);
    (await gateway.link()).socket.terminate();
    const link = await gateway.link();
    link.send(helloFrame());
    await program.printed("hello");
    expect(program.stderr).toMatch(/^eventwire: 1006 the connection was lost; trying again in \d\.\d s\n$/);
  });

  it("ends quietly when nobody reads what it prints", async () => {
    const gateway = await startForeignGateway();
    const program = pipe("", ["tail", "desk-1", "--url", gateway.url], {}, "| head -n 1");
    const link = await gateway.link();
    link.send(helloFrame(), eventFrame(1));
    const busy = setInterval(() => link.send(eventFrame(2)), 5);
    expect(await link.closed).toBe(1000);
    clearInterval(busy);
    expect(await end(program)).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("every command", () => {
  it("reads the token from a file that only its owner can read", async () => {
    const file = join(temporaryDirectory(), "token");
    writeFileSync(file, `${server.accountToken}\n`, { mode: 0o600 });
    const args = ["publish", "desk-1", "call.update", "{}", "--token-file", file];
    const others = { EVENTWIRE_URL: server.url, EVENTWIRE_TOKEN: "ta_another-token" };
    expect(await end(startProgram(args, others))).toMatchObject({ code: 0 });
    chmodSync(file, 0o640);
    expect(await end(startProgram(args, others))).toEqual({
      code: 1,
      stdout: "",
      stderr: `eventwire: The file ${file} is open to other users, with the mode 640: close it (chmod 600 ${file}).\n`,
    });
  });

  it.each([
    [["publish", "desk-1", "call.update", "{}"], { EVENTWIRE_TOKEN: "" }, "A token is needed: set EVENTWIRE_TOKEN"],
    [["tail", "desk-1"], { EVENTWIRE_TOKEN: "" }, "A token is needed: set EVENTWIRE_TOKEN"],
    [["tail", "desk-1", "--token-file", "/nowhere"], {}, "The file /nowhere cannot be read"],
    [["tail", "desk-1", "--token", "ta_x"], {}, "unknown option '--token'"],
    [["tail", "desk-1", "--url", "localhost:8080"], {}, "must be an http or https URL"],
    [["tail", "desk-1"], { EVENTWIRE_URL: "nowhere" }, 'EVENTWIRE_URL is "nowhere", but must be'],
    [["publish", "desk-1", "call.update", "{}"], { EVENTWIRE_URL: "http://127.0.0.1:1" }, "cannot be reached: connect"],
    [["publish", "desk-2", "call.update", "{}"], {}, "Instance not found (INSTANCE_NOT_FOUND)."],
    [["publish", "desk-1", "call.update", "{}"], { EVENTWIRE_TOKEN: "ta_of-nobody" }, "Invalid token (INVALID_TOKEN)."],
  ])("ends with code 1 and a sentence: %j %j", async (args, more, sentence) => {
    const { code, stdout, stderr } = await end(startProgram(args, { ...env, ...more } as Record<string, string>));
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(sentence);
  });
});
