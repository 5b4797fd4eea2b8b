/** Calls on the service port that are made only to be reset: what they cost, and what becomes of their connection. */

import { readFileSync } from "node:fs";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BodyBudget } from "../../src/transport/body-budget.js";
import { type EndedConnection, type ServicePort, startServicePort } from "../../src/transport/node/port.js";
import { callHead, flag, frame, frameType, numbers, openFrames, resets } from "../support/h2-frames.js";
import { startServerProgram } from "../support/program.js";
import { temporaryDirectory } from "../support/temporary.js";

const check = "/grpc.health.v1.Health/Check";
const enhanceYourCalm = 11;

/** Long enough that other work of the machine does not look like it. */
const slowConnectionMs = 200;

let port: ServicePort;
const ended: EndedConnection[] = [];
/** How often a health check was carried out. */
let checks = 0;
beforeAll(async () => {
  port = await startServicePort({
    knows: (token) => token === "right",
    handlers: [],
    host: "127.0.0.1",
    port: 0,
    trouble: async () => {
      checks++;
      return undefined;
    },
    metrics: async () => ({ contentType: "text/plain", text: "" }),
    bodies: new BodyBudget(2 ** 20),
    reflection: true,
    draining: new AbortController().signal,
    shutdown: new AbortController(),
    limits: { resets: 20, resetsPerSecond: 1, slowMs: 60_000, slowConnectionMs },
    onConnectionEnded: (connection) => void ended.push(connection),
    logger: pino({ level: "silent" }),
  });
});
afterAll(() => port.close(0));

function wholeCall(stream: number, more: Record<string, string> = {}): Buffer {
  return Buffer.concat([
    frame(frameType.headers, flag.endHeaders, stream, callHead(check, more)),
    frame(frameType.data, flag.endStream, stream, Buffer.alloc(5)),
  ]);
}

function reset(stream: number): Buffer {
  return frame(frameType.resetStream, flag.none, stream, numbers(8));
}

describe("a call that is reset in the read that brings it", () => {
  it("is not carried out", async () => {
    const client = await openFrames(port.port);
    await client.settled();
    const before = checks;
    client.send(...[1, 3, 5, 7].flatMap((stream) => [wholeCall(stream), reset(stream)]), wholeCall(9));
    expect((await client.next(frameType.headers))?.stream).toBe(9);
    expect(checks - before).toBe(1);
    client.socket.destroy();
  });
});

describe("a connection", () => {
  it("that resets more calls than it may is ended with ENHANCE_YOUR_CALM, and its end is told", async () => {
    const client = await openFrames(port.port);
    await client.settled();
    client.send(resets(check, 100));
    const goAway = await client.next(frameType.goAway);
    expect(goAway?.payload.readUInt32BE(4)).toBe(enhanceYourCalm);
    await client.closed();
    expect(ended.at(-1)).toEqual({ reason: "more calls than it can want answers to", address: "address:127.0.0.1" });
  });

  it("that begins with more calls than it may is ended before any of them exists", async () => {
    const before = checks;
    const client = await openFrames(port.port, resets(check, 400));
    const goAway = await client.next(frameType.goAway);
    expect(goAway?.payload.readUInt32BE(0)).toBe(0);
    expect(goAway?.payload.readUInt32BE(4)).toBe(enhanceYourCalm);
    await client.closed();
    expect(checks).toBe(before);
  });

  it("whose mistakes make the server reset its calls is ended, too", async () => {
    const client = await openFrames(port.port);
    await client.settled();
    const streams = Array.from({ length: 60 }, (_, index) => 2 * index + 1);
    // A window is widened by nothing: an error of the stream.
    const mistake = (stream: number) => frame(frameType.windowUpdate, flag.none, stream, numbers(0));
    const head = callHead(check);
    client.send(
      ...streams.flatMap((stream) => [frame(frameType.headers, flag.endHeaders, stream, head), mistake(stream)]),
    );
    expect(await client.next(frameType.goAway)).toBeDefined();
    await client.closed();
  });

  it("may reset calls with a valid token, as a client does whose deadlines are short", async () => {
    const client = await openFrames(port.port);
    await client.settled();
    for (let round = 0; round < 5; round++) {
      const streams = Array.from({ length: 20 }, (_, index) => 2 * (20 * round + index) + 1);
      client.send(...streams.flatMap((stream) => [wholeCall(stream, { token: "right" }), reset(stream)]));
      await client.settled();
    }
    client.send(wholeCall(1001));
    expect((await client.next(frameType.headers))?.stream).toBe(1001);
    client.socket.destroy();
  });
});

describe("an address whose connections were ended for their resets", () => {
  it("gets its new connections handled one after the other, and no other address waits for them", async () => {
    const none = Buffer.alloc(0);
    const open = (from: string) => openFrames(port.port, none, none, from);
    const attacker = await open("127.0.0.2");
    await attacker.settled();
    attacker.send(resets(check, 100));
    await attacker.closed();

    const began = performance.now();
    const order: string[] = [];
    const slow = await Promise.all(Array.from({ length: 6 }, () => open("127.0.0.2")));
    const handled = slow.map(async (client, index) => {
      await client.next(frameType.settings);
      order.push(`slow ${index + 1}`);
    });
    const other = await open("127.0.0.3");
    await other.settled();
    order.push("other");
    await Promise.all(handled);
    expect(performance.now() - began).toBeGreaterThanOrEqual(5 * slowConnectionMs);
    expect(order.indexOf("other")).toBeLessThan(order.indexOf("slow 6"));
    for (const { socket } of [...slow, other]) socket.destroy();
  });
});

describe("a thousand calls that are reset", () => {
  it("cost less than a quarter of a second of CPU", { timeout: 120_000 }, async () => {
    const server = await startServerProgram({ DATA_DIR: temporaryDirectory() });
    const service = Number(new URL(server.grpcUrl).port);
    const attack = async () => {
      // Each connection is ended after a hundred.
      for (let connection = 0; connection < 10; connection++) {
        const client = await openFrames(service);
        await client.settled();
        client.send(resets(check, 1_000));
        await client.closed();
      }
    };
    await attack();
    const before = cpuMilliseconds(server.child.pid);
    for (let round = 0; round < 4; round++) await attack();
    expect((cpuMilliseconds(server.child.pid) - before) / 4).toBeLessThan(250);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });
});

/** Of a process, in steps of ten. */
function cpuMilliseconds(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
