/** SIGHUP: a renewed certificate and another log level come into force while everything that is open stays open. */

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect as connectH2 } from "node:http2";
import { join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { type Certificate, makeCertificate } from "../support/certificate.js";
import { createTestDatabase } from "../support/postgres.js";
import { type RunningServer, startServerProgram } from "../support/program.js";
import { lacks } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";

const accountToken = "ta_test-of-the-program";
const renewed = "the certificate was renewed";
const lacksNatsServer = await lacks("nats-server");

interface Node {
  readonly server: RunningServer;
  readonly dataDir: string;
  write(certificate: Certificate): void;
  call(method: string, path: string, body?: unknown): Promise<number>;
  openSocket(): Promise<{ frames: string[]; socket: WebSocket }>;
}

async function start(env: Record<string, string> = {}): Promise<Node> {
  const dataDir = temporaryDirectory();
  const files = temporaryDirectory();
  const [TLS_CERT, TLS_KEY] = [join(files, "cert.pem"), join(files, "key.pem")];
  function write({ cert, key }: Certificate): void {
    writeFileSync(TLS_CERT, cert);
    writeFileSync(TLS_KEY, key);
  }
  write(makeCertificate());
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  const rates = { RATE_LIMIT_GLOBAL: "0" };
  const settings = { DATABASE_URL: url, DATA_DIR: dataDir, ACCOUNT_TOKEN: accountToken, TLS_CERT, TLS_KEY, ...rates };
  const server = await startServerProgram({ ...settings, ...env });
  const { port } = new URL(server.url);

  /** One request, each on a connection of its own. */
  async function call(method: string, path: string, body?: unknown): Promise<number> {
    const socket = connect({ port: Number(port), host: "127.0.0.1", rejectUnauthorized: false });
    const text = body === undefined ? "" : JSON.stringify(body);
    const head = ["Host: a", `token: ${accountToken}`, "Content-Type: application/json", "Connection: close"];
    socket.write([`${method} ${path} HTTP/1.1`, ...head, `Content-Length: ${text.length}`, "", text].join("\r\n"));
    const [answer] = await once(socket, "data");
    socket.destroy();
    return Number(String(answer).split(" ")[1]);
  }

  async function openSocket() {
    const address = `wss://127.0.0.1:${port}/ws/desk-1?token=${accountToken}`;
    const socket = new WebSocket(address, { rejectUnauthorized: false });
    onTestFinished(() => socket.terminate());
    const frames: string[] = [];
    socket.on("message", (frame) => frames.push(String(frame)));
    await once(socket, "open");
    return { frames, socket };
  }

  // A busy machine reads the directory later than the ports are open.
  await until(async () => (await call("GET", "/health")) === 200);
  expect(await call("POST", "/api/instance/new", { name: "desk-1", websocketEnabled: true })).toBe(201);
  return { server, dataDir, write, call, openSocket };
}

/** The certificate that a new connection to this URL sees, as PEM without line ends. */
async function shown(url: string): Promise<string> {
  const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return raw.toString("base64");
}

function inner({ cert }: Certificate): string {
  return cert.replace(/-----[A-Z ]+-----|\s/g, "");
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

describe("a renewed certificate", () => {
  it("is seen by new connections on both ports, and open ones stay and get their events", async () => {
    const node = await start();
    const { server } = node;
    const [before, after] = [await shown(server.url), makeCertificate()];
    const old = await node.openSocket();
    const session = connectH2(server.grpcUrl, { rejectUnauthorized: false });
    onTestFinished(() => session.destroy());
    await once(session, "connect");

    node.write(after);
    server.kill("SIGHUP");
    await server.printed(renewed);
    expect(before).not.toBe(inner(after));
    expect(await shown(server.url)).toBe(inner(after));
    expect(await shown(server.grpcUrl)).toBe(inner(after));

    const young = await node.openSocket();
    for (let number = 0; number < 5; number++) {
      const event = { event: "label.update", data: { number } };
      expect(await node.call("POST", "/api/events/publish/desk-1", event)).toBe(200);
    }
    await until(() => old.frames.length === 5 && young.frames.length === 5);
    expect(old.frames).toEqual(young.frames);
    await new Promise<void>((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())));

    server.kill("SIGTERM");
    const [[code], [youngCode]] = await Promise.all([once(old.socket, "close"), once(young.socket, "close")]);
    expect([code, youngCode]).toEqual([1001, 1001]);
    expect(await server.ended).toBe(0);
  });

  it("is never in the way of a connection, however often it changes", async () => {
    const node = await start();
    const socket = await node.openSocket();
    for (let round = 1; round <= 10; round++) {
      const certificate = makeCertificate();
      node.write(certificate);
      node.server.kill("SIGHUP");
      const calls = Array.from({ length: 20 }, () => node.call("GET", "/health"));
      expect(await Promise.all(calls)).toEqual(calls.map(() => 200));
      await until(() => count(node.server.stderr, renewed) === round);
      expect(await shown(node.server.url)).toBe(inner(certificate));
    }
    expect(await node.call("POST", "/api/events/publish/desk-1", { event: "label.update", data: {} })).toBe(200);
    await until(() => socket.frames.length === 1);
  });

  it("that does not belong to its key is not taken, and the one before stays", async () => {
    const node = await start();
    const before = await shown(node.server.url);
    node.write({ cert: makeCertificate().cert, key: makeCertificate().key });
    node.server.kill("SIGHUP");
    await node.server.printed("the previous certificate and key stay in force");
    expect(await shown(node.server.url)).toBe(before);
    expect(await shown(node.server.grpcUrl)).toBe(before);
  });

  it.skipIf(lacksNatsServer)("is seen on every worker", async () => {
    const node = await start({ WORKERS: "2" });
    const after = makeCertificate();
    node.write(after);
    node.server.kill("SIGHUP");
    await until(() => count(node.server.stderr, renewed) === 2);
    for (let times = 0; times < 20; times++) {
      expect(await shown(node.server.url)).toBe(inner(after));
      expect(await shown(node.server.grpcUrl)).toBe(inner(after));
    }
  });
});

it("the log level is that of the file log-level in DATA_DIR, as long as it is there", async () => {
  const node = await start();
  const requests = () => count(node.server.stderr, '"msg":"request"');
  await node.call("GET", "/health");
  expect(requests()).toBe(0);
  writeFileSync(join(node.dataDir, "log-level"), "debug\n");
  node.server.kill("SIGHUP");
  await node.server.printed('"logLevel":"debug"');
  await node.call("GET", "/health");
  await until(() => requests() > 0);
  writeFileSync(join(node.dataDir, "log-level"), "no level");
  node.server.kill("SIGHUP");
  await node.server.printed('"logLevel":"info"');
  const before = requests();
  await node.call("GET", "/health");
  expect(requests()).toBe(before);
});
