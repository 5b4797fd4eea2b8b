/**
 * A walk through all channels of a node that logs everything it can, with tokens and tickets that are easy to recognise.
 * None of them stands in what the node prints, in its metrics, in its answers, in frames of `eventwire.v1`, or in a URL
 * that the client opens. The contract names the only answers and frames that carry a credential. (A node writes no traces.)
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { TicketService } from "../../gen/eventwire/v1/ticket_service_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { connect } from "../../src/client/browser.js";
import { openConsumer } from "../support/consumer.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { type RunningServer, startProgram, startServerProgram } from "../support/program.js";
import { openRaw, upgradeHead } from "../support/raw-http.js";
import { faceNames, openFace } from "../support/rpc-faces.js";
import { subscribe } from "../support/subscriber.js";
import { fetchTicket } from "../support/tickets.js";
import { openV1 } from "../support/v1-consumer.js";

const account = "ta_SECRET-of-the-account";
const desk = "ti_SECRET-of-the-desk";
const wrong = "SECRET-of-nobody";
const encryptionKey = "5ec2e7".padEnd(64, "0");
const tickets: string[] = [];

/** Where a credential was found. */
const leaks: string[] = [];
function scan(where: string, seen: unknown): void {
  const text = typeof seen === "string" ? seen : JSON.stringify(seen, asText);
  for (const secret of ["SECRET", encryptionKey, ...tickets])
    if (text.includes(secret)) leaks.push(`${where}: ${text}`);
}

/** Shows bytes as text, so that a secret in them is seen. */
function asText(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  return typeof value === "bigint" ? String(value) : value;
}

let database: TestDatabase;
let node: RunningServer;
const directory = mkdtempSync(join(tmpdir(), "eventwire-credentials-"));
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  const env = {
    DATABASE_URL: database.url,
    DATA_DIR: directory,
    ACCOUNT_TOKEN: account,
    ENCRYPTION_KEY: encryptionKey,
    LOG_LEVEL: "trace",
    RATE_LIMIT_GLOBAL: "0",
    RATE_LIMIT_CREATE: "0",
    DRAIN_SECONDS: "0",
  };
  node = await startServerProgram(env, (end) => ends.push(end));
  await ask("POST", "/api/instance/new", account, { name: "desk", token: desk }, true);
  await ask("POST", "/api/events/websocket/desk", account, { enabled: true });
});
afterAll(async () => {
  for (const end of ends) await end();
  await database.drop();
  rmSync(directory, { recursive: true, force: true });
});

/** `carries`: whether the contract says that the answer has a credential. */
async function ask(method: string, path: string, token: string, body?: object, carries = false): Promise<void> {
  for (const headers of [{ token }, { authorization: `Bearer ${token}` }]) {
    const response = await fetch(`${node.url}${path}`, {
      method,
      headers: { ...headers, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    scan(`${method} ${path}`, [[...response.headers], carries && response.ok ? "" : text]);
  }
}

const publish = () => ask("POST", "/api/events/publish/desk", account, { event: "call.update", data: {} });

async function ticket(): Promise<string> {
  const made = await fetchTicket(node.url, desk, "desk");
  tickets.push(made);
  return made;
}

async function handshake(path: string, ...lines: string[]): Promise<void> {
  const connection = await openRaw(Number(new URL(node.url).port));
  await connection.send(upgradeHead(path, ...lines));
  const response = await connection.response();
  scan(`the answer to ${path}`, [[...(response?.headers ?? [])], response?.body]);
  connection.destroy();
}

it("REST, Connect, gRPC-Web and gRPC", async () => {
  for (const token of [account, desk, wrong]) {
    await ask("GET", "/api/events/getWebsocket/desk", token);
    await ask("POST", "/api/events/websocket/desk", token, { enabled: true, token });
    await ask("POST", "/api/events/publish/desk", token, { event: token, data: {} });
    await ask("POST", "/api/events/ticket/desk", token, { ttlSeconds: token });
    await ask("POST", "/api/events/ticket/desk", token, {}, true);
    await ask("GET", "/api/instance/list", token, undefined, true);
    await ask("POST", "/api/instance/new", token, { name: "desk", token });
    await ask("POST", "/api/instance/new", token, { name: "", token: "SECRET" });
    await ask("DELETE", "/api/instance/delete/nowhere", token);
  }
  for (const name of faceNames) {
    const face = openFace(name, node.grpcUrl);
    onTestFinished(() => face.close());
    const headers = [{ token: desk }, { authorization: `Bearer ${account}` }, { token: wrong }];
    for (const credential of headers) {
      const calls = [
        face.call(WebsocketService.method.getWebsocket, { instance: "desk" }, credential),
        face.call(TicketService.method.createTicket, { instance: "nowhere" }, credential),
        face.call(InstanceService.method.createInstance, { name: "desk", token: desk }, credential),
      ];
      for (const { outcome, metadata } of await Promise.all(calls)) scan(name, [outcome, [...metadata]]);
    }
  }
});

it("handshakes and frames of WebSockets", async () => {
  for (const query of [`token=${wrong}`, `token=${desk}&after=${desk}&events=${desk}`, "ticket=tk_SECRET"])
    for (const more of ["", "&protocol=eventwire.v1", "&protocol=eventwire.v1&refusal=http", "&protocol=SECRET"])
      await handshake(`/ws/desk?${query}${more}`);
  await handshake("/ws/desk", `token: ${wrong}`, "Sec-WebSocket-Protocol: SECRET, eventwire.v1");
  const once = await ticket();
  for (const query of [`token=${desk}`, `token=${account}`, `ticket=${once}`, `ticket=${once}`]) {
    const consumer = await openV1(node.url, `/ws/desk?${query}&previous=1`);
    scan("the first frame", await consumer.next());
    await publish();
    const wrongMessages = [{ control: desk }, { control: "narrow", events: [account] }];
    for (const message of query.startsWith("token") ? wrongMessages : []) {
      consumer.send(message);
      for (let frame = ""; !frame.includes('"control":"error"'); scan("a frame", frame)) frame = await consumer.next();
    }
    consumer.socket.close();
    scan("a close", await consumer.closed);
  }
  const plain = await openConsumer(node.url, `/ws/desk?ticket=${await ticket()}`);
  const carrying = await openConsumer(node.url, `/ws/desk?token=${account}`);
  await publish();
  scan("a plain frame of a ticket", await plain.next());
  expect(await carrying.next()).toContain(desk);
});

it("streams of Subscribe", async () => {
  const transports = [
    createGrpcTransport({ baseUrl: node.grpcUrl }),
    createGrpcWebTransport({ baseUrl: node.url, httpVersion: "1.1" }),
    createConnectTransport({ baseUrl: node.url, httpVersion: "1.1", useBinaryFormat: false }),
  ];
  for (const transport of transports) {
    const open = (token: string, request: object = {}) => subscribe(transport, token, { instance: "desk", ...request });
    const used = await ticket();
    for (const stream of [open(desk), open("", { ticket: used })]) {
      scan("hello", await stream.next());
      await publish();
      const frame = await stream.next();
      expect(frame.case).toBe("event");
      scan("an event", frame);
      scan("the metadata", [...(await stream.header)]);
      stream.cancel();
    }
    const refused = [
      open(wrong),
      open("", { ticket: used }),
      open("", { ticket: wrong }),
      open(desk, { after: desk.repeat(9) }),
    ];
    for (const stream of refused) {
      const { rawMessage, metadata, details } = (await stream.ended) ?? {};
      scan("a refusal", [rawMessage, [...(metadata ?? [])], details]);
    }
  }
});

it("the client, whose URLs have tickets that are used up, and the command line", async () => {
  const urls: URL[] = [];
  class Watched extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      urls.push(new URL(url));
    }
  }
  for (const [token, instance] of [
    [desk, "desk"],
    [account, undefined],
  ] as const) {
    const connection = connect({
      WebSocket: Watched,
      url: node.url,
      instance,
      token,
      onControl: (frame) => scan("hello", frame),
    });
    onTestFinished(() => connection.close());
    await connection.opened;
  }
  expect(urls.map(({ searchParams }) => [...searchParams.keys()])).toEqual([["ticket"], ["ticket"]]);
  for (const { pathname, searchParams } of urls) {
    const used = searchParams.get("ticket") ?? "";
    tickets.push(used);
    scan("a URL", pathname);
    expect((await fetch(`${node.url}${pathname}?protocol=eventwire.v1&ticket=${used}`)).status).toBe(401);
  }
  const tail = startProgram(["tail", "desk", "--json"], { EVENTWIRE_URL: node.url, EVENTWIRE_TOKEN: desk });
  await tail.printed("hello");
  await publish();
  await tail.printed("call.update");
  scan("tail", tail.stdout + tail.stderr);
});

it("what the node printed and measured", async () => {
  scan("the metrics", await (await fetch(`${node.grpcUrl}/metrics`)).text());
  scan("the health", await (await fetch(`${node.url}/health`)).text());
  await ask("DELETE", "/api/instance/delete/desk", account);
  node.kill("SIGTERM");
  await node.ended;
  expect(node.stderr).toContain('"path":"/ws/desk"');
  expect(tickets.length).toBeGreaterThan(5);
  scan("the log", node.stdout + node.stderr);
  expect(leaks).toEqual([]);
});
