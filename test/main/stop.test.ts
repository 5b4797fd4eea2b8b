/** Stopping the program: sockets hear why, calls in flight finish, the database is left clean, all within its time. */

import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createTestDatabase } from "../support/postgres.js";
import { type RunningServer, startProgram, startServerProgram } from "../support/program.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

const accountToken = "ta_test-of-the-program";

async function start(env: Record<string, string> = {}): Promise<RunningServer> {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  return startServerProgram({ DATABASE_URL: url, DATA_DIR: temporaryDirectory(), ACCOUNT_TOKEN: accountToken, ...env });
}

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  it("closes sockets with 1001 and ends with code 0", async () => {
    const server = await start();
    const socket = await createRestClient(server.url, accountToken).openChannel("desk-1");
    const closed = once(socket, "close");
    server.kill(signal);
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([1001, "shutting down"]);
    expect(await server.ended).toBe(0);
    expect(server.stderr).toContain('"msg":"stopped"');
  });
});

describe("a stop", () => {
  it("tells the last socket too, whose close waits for the answer to a ping", async () => {
    const server = await start({ DRAIN_SECONDS: "0" });
    const client = createRestClient(server.url, accountToken);
    const socket = await client.openChannel("desk-1");
    const read = once(socket, "message");
    // More than a socket may have unconfirmed when it is told.
    const published = await client.call("POST", "/api/events/publish/desk-1", {
      event: "call.update",
      data: { text: "x".repeat(200_000) },
    });
    expect(published.status).toBe(200);
    await read;
    const closed = once(socket, "close");
    server.kill("SIGTERM");
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([1001, "shutting down"]);
    expect(await server.ended).toBe(0);
  });

  it("lets a call in flight finish, and takes no new connection meanwhile", async () => {
    // A busy machine may need longer than the five seconds that a call gets at least.
    const server = await start({ DRAIN_SECONDS: "30" });
    await createRestClient(server.url, accountToken).call("POST", "/api/instance/new", { name: "desk-1" });
    const { port, hostname } = new URL(server.url);
    const body = JSON.stringify({ enabled: true, events: ["call.update"] });
    const call = connect(Number(port), hostname).setEncoding("utf8");
    const closed = once(call, "close");
    let answer = "";
    call.on("data", (chunk) => {
      answer += chunk;
    });
    call.write(
      `POST /api/events/websocket/desk-1 HTTP/1.1\r\nHost: x\r\ntoken: ${accountToken}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
    );
    // An answer on another connection: the server has read what was sent before.
    await fetch(`${server.url}/health`);
    server.kill("SIGTERM");
    await server.printed('"msg":"stopping"');
    await expect
      .poll(
        () =>
          fetch(`${server.url}/health`).then(
            () => "answered",
            () => "refused",
          ),
        { timeout: 5_000 },
      )
      .toBe("refused");
    call.write(body.slice(10));
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('"events":["call.update"]');
    expect(await server.ended).toBe(0);
  });

  it("cuts a call that does not finish in its time", async () => {
    const server = await start({ DRAIN_SECONDS: "0" });
    const { port, hostname } = new URL(server.url);
    const call = connect(Number(port), hostname);
    call.on("error", () => {});
    call.write(
      `POST /api/instance/new HTTP/1.1\r\nHost: x\r\ntoken: ${accountToken}\r\n` +
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    );
    await fetch(`${server.url}/health`);
    const cut = once(call, "close");
    server.kill("SIGTERM");
    await cut;
    expect(await server.ended).toBe(0);
  });

  it("is ended at once by a second signal", async () => {
    const server = await start({ DRAIN_SECONDS: "300" });
    const { port, hostname } = new URL(server.url);
    const call = connect(Number(port), hostname);
    call.on("error", () => {});
    call.write(`POST /api/instance/new HTTP/1.1\r\nHost: x\r\ntoken: ${accountToken}\r\nContent-Length: 100\r\n\r\n{`);
    await fetch(`${server.url}/health`);
    server.kill("SIGTERM");
    await server.printed('"msg":"stopping"');
    // Signals right behind the first are its echo, so it may take a few.
    const again = setInterval(() => server.kill("SIGTERM"), 50);
    expect(await server.ended).toBe(1);
    clearInterval(again);
    expect(server.stderr).toContain("second signal");
  });

  it("follows a defect: it is logged, sockets are closed, and the code is 1", async () => {
    // A defect on demand, since there is none to be had otherwise.
    const preload = 'process.on("SIGUSR2", () => { throw new Error("defect on demand"); });';
    const server = await start({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` });
    const socket = await createRestClient(server.url, accountToken).openChannel("desk-1");
    const closed = once(socket, "close");
    server.kill("SIGUSR2");
    const [code] = await closed;
    expect(code).toBe(1001);
    expect(await server.ended).toBe(1);
    expect(server.stderr).toContain("defect on demand");
  });

  it("during the start waits for the start and then ends cleanly", async () => {
    const DATA_DIR = temporaryDirectory();
    const program = startProgram([], {
      DATA_DIR,
      ACCOUNT_TOKEN: accountToken,
      HOST: "127.0.0.1",
      PORT: "0",
      GRPC_PORT: "0",
    });
    await expect.poll(() => readdirSync(DATA_DIR).length > 0, { timeout: 15_000 }).toBe(true);
    program.kill("SIGTERM");
    expect(await program.ended).toBe(0);
    expect(await instanceNames(DATA_DIR)).toEqual([]);
  });
});

describe("the embedded database", () => {
  it("is stopped with the program, and what was saved is there after the next start", async () => {
    const DATA_DIR = temporaryDirectory();
    const first = await startServerProgram({ DATA_DIR, ACCOUNT_TOKEN: accountToken });
    await createRestClient(first.url, accountToken).call("POST", "/api/instance/new", { name: "desk-1" });
    first.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    expect(existsSync(join(DATA_DIR, "postgres", "data", "postmaster.pid"))).toBe(false);
    expect(await instanceNames(DATA_DIR)).toEqual(["desk-1"]);
  });

  it("outlives a killed program, and the next start takes it over with everything that was answered", async () => {
    const DATA_DIR = temporaryDirectory();
    const first = await startServerProgram({ DATA_DIR, ACCOUNT_TOKEN: accountToken });
    const client = createRestClient(first.url, accountToken);
    for (const name of ["desk-1", "desk-2"]) await client.call("POST", "/api/instance/new", { name });
    first.kill("SIGKILL");
    expect(await first.ended).toBe("SIGKILL");
    expect(await instanceNames(DATA_DIR)).toEqual(["desk-1", "desk-2"]);
  });
});

async function instanceNames(DATA_DIR: string): Promise<string[]> {
  const server = await startServerProgram({ DATA_DIR, ACCOUNT_TOKEN: accountToken });
  const { body } = await createRestClient(server.url, accountToken).call("GET", "/api/instance/list");
  return (body.instances as { name: string }[]).map(({ name }) => name);
}
