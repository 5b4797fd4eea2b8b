/** The client against a foreign server that speaks the frames of the contract: what it asks, gives, and does at the end. */

import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { Connection, ConnectionState, ConnectOptions } from "../../src/client/browser.js";
import { connect as connectStandard } from "../../src/client/browser.js";
import { connect as connectNode } from "../../src/client/node/connect.js";
import { closingFrame, eventFrame, helloFrame, startForeignGateway, time } from "../support/foreign-gateway.js";

type Options = Partial<ConnectOptions> & { readonly url: string };

type Connect = (options: ConnectOptions) => Connection;

const entries: [name: string, connect: Connect][] = [
  ["in Node.js", connectNode],
  ["with the standard interface of ws", (options) => connectStandard({ WebSocket, ...options })],
];
// Node.js 20 has no WebSocket of its own.
if ("WebSocket" in globalThis) entries.push(["with the WebSocket of the runtime", connectStandard]);

describe.each(entries)("the client %s", (_, connect) => {
  function open(options: Options): Connection {
    const credential = options.ticket === undefined ? { token: "ti_secret" } : {};
    const connection = connect({ instance: "desk-1", ...credential, ...options });
    onTestFinished(() => connection.close());
    return connection;
  }

  it("asks for the protocol, the instance, the types and the position", async () => {
    const gateway = await startForeignGateway();
    open({ url: gateway.url, instance: "desk 1", events: ["call.update", "label.update"], after: "k3f9.1042" });
    const { request, query } = await gateway.link();
    expect(request.headers["sec-websocket-protocol"]).toBe("eventwire.v1");
    expect(request.url).toMatch(/^\/ws\/desk%201\?/);
    query.delete("ticket");
    expect([...query]).toEqual([
      ["events", "call.update,label.update"],
      ["after", "k3f9.1042"],
    ]);
  });

  it("gives the events in order, and the control frames in their places", async () => {
    const gateway = await startForeignGateway();
    const connection = open({ url: gateway.url });
    const link = await gateway.link();
    const gap = { control: "gap", reason: "bus_lost", from: time, until: time, missed: 2, instance: null };
    const sent = [helloFrame(), eventFrame(1), gap, eventFrame(2, { event: "weather.report" })];
    link.send(...sent);
    const frames = connection.frames();
    for (const frame of sent) expect(await frames.next()).toEqual({ done: false, value: frame });
    expect(await connection.opened).toEqual(sent[0]);
    expect(connection).toMatchObject({ state: "open", hello: sent[0], position: undefined, end: undefined });
  });

  it("iterates over events alone, and closes when the loop is left", async () => {
    const gateway = await startForeignGateway();
    const control: string[] = [];
    const connection = open({ url: gateway.url, onControl: (frame) => void control.push(frame.control) });
    const link = await gateway.link();
    link.send(helloFrame(), eventFrame(1), eventFrame(2));
    const seen: unknown[] = [];
    for await (const event of connection) {
      seen.push(event.data);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual([{ n: 1 }, { n: 2 }]);
    expect(control).toEqual(["hello"]);
    expect(await link.closed).toBe(1000);
    expect(await connection.closed).toMatchObject({ code: 1000, reason: "closed by the client", reconnect: false });
  });

  it("calls back with events, control frames and states", async () => {
    const gateway = await startForeignGateway();
    const calls: unknown[] = [];
    const connection = open({
      url: gateway.url,
      onEvent: ({ data }) => void calls.push(data),
      onControl: ({ control }) => void calls.push(control),
      onState: (state, end) => void calls.push([state, end?.code]),
    });
    const link = await gateway.link();
    link.send(helloFrame(), eventFrame(1), closingFrame(4010, "disconnected by an operator", { reconnect: false }));
    link.socket.close(4010, "disconnected by an operator");
    await connection.closed;
    expect(calls).toEqual([
      ["connecting", undefined],
      ["open", undefined],
      "hello",
      { n: 1 },
      "closing",
      ["closed", 4010],
    ]);
    expect(() => connection.frames()).toThrow("leave it out to iterate");
  });

  it("comes back after the time that the gateway names, with its last connection and its position", async () => {
    const gateway = await startForeignGateway();
    const states: [ConnectionState, number | undefined][] = [];
    const connection = open({
      url: gateway.url,
      onState: (state, end) => void states.push([state, end?.retryAfterMs]),
    });
    const frames = connection.frames();
    const first = await gateway.link();
    first.send(helloFrame({ connection: "first" }), eventFrame(1, { position: "k3f9.7" }));
    first.send(closingFrame(1001, "shutting down", { retryAfterMs: 3 }));
    first.socket.close(1001, "shutting down");
    const second = await gateway.link();
    expect(states.at(-2)).toEqual(["waiting", 3]);
    expect(Object.fromEntries(second.query)).toMatchObject({ after: "k3f9.7", previous: "first" });
    second.send(helloFrame({ connection: "second", resumed: true, position: "k3f9.9" }));
    second.send(eventFrame(2, { position: "k3f9.8" }));
    for (const kind of ["hello", "event", "closing", "hello", "event"])
      expect((await frames.next()).value).toMatchObject(kind === "event" ? { data: {} } : { control: kind });
    expect(connection).toMatchObject({ position: "k3f9.8", hello: { connection: "second" } });
  });

  it("reports a gap where it could not go on: from a second before the last frame to the next hello", async () => {
    const gateway = await startForeignGateway();
    const frames = open({ url: gateway.url }).frames();
    const first = await gateway.link();
    first.send(helloFrame(), eventFrame(1, { time: "2026-11-29T13:20:05.000Z" }));
    first.send({ control: "pong", time: "2026-11-29T13:20:09.000Z" });
    first.socket.terminate();
    const second = await gateway.link();
    second.send(helloFrame({ time: "2026-11-29T13:20:10.000Z" }));
    for (let i = 0; i < 4; i++) await frames.next();
    expect((await frames.next()).value).toEqual({
      control: "gap",
      reason: "disconnected",
      from: "2026-11-29T13:20:04.000Z",
      until: "2026-11-29T13:20:10.000Z",
      missed: null,
      instance: null,
    });
  });

  it("stays away when the gateway says so, and throws the reason to who iterates", async () => {
    const gateway = await startForeignGateway();
    const connection = open({ url: gateway.url });
    const link = await gateway.link();
    const refused = {
      control: "refused",
      status: 404,
      message: "Instance not found",
      reconnect: false,
      retryAfterMs: 0,
      reason: "INSTANCE_NOT_FOUND",
      rule: null,
    };
    link.send(refused);
    link.socket.close(4004, "instance deleted");
    const frames = connection.frames();
    expect((await frames.next()).value).toEqual(refused);
    await expect(frames.next()).rejects.toThrow(
      "The connection ended with 4004: 404 Instance not found (INSTANCE_NOT_FOUND).",
    );
    expect(await frames.next()).toEqual({ done: true, value: undefined });
    expect(await connection.closed).toMatchObject({ code: 4004, reconnect: false, refused });
    await expect(connection.opened).rejects.toThrow("Instance not found");
    expect(gateway.links).toBe(1);
  });

  it("fetches a ticket for each connection, and tries again when there is none", async () => {
    const gateway = await startForeignGateway();
    const answers = [async () => "tk_1", () => Promise.reject(new Error("no session")), async () => "tk_3"];
    const reasons: string[] = [];
    open({
      url: gateway.url,
      ticket: () => answers.shift()?.() ?? Promise.reject(new Error("too many")),
      onState: (_, end) => void (end && reasons.push(end.reason)),
    });
    const first = await gateway.link();
    expect([first.query.get("ticket"), first.query.get("token"), first.request.headers.token]).toEqual([
      "tk_1",
      null,
      undefined,
    ]);
    first.send(helloFrame());
    first.socket.terminate();
    expect((await gateway.link()).query.get("ticket")).toBe("tk_3");
    expect(reasons).toEqual(["the connection was lost", "no ticket: no session"]);
  });

  it("ends with the caller's signal, and reads what has arrived", async () => {
    const gateway = await startForeignGateway();
    const controller = new AbortController();
    const connection = open({ url: gateway.url, signal: controller.signal });
    const link = await gateway.link();
    link.send(helloFrame(), eventFrame(1), eventFrame(2));
    const frames = connection.frames();
    await frames.next();
    await frames.next();
    await expect.poll(() => connection.hello).toBeDefined();
    controller.abort();
    expect(await link.closed).toBe(1000);
    expect(await connection.closed).toMatchObject({ code: 1000 });
    const after = [await frames.next(), await frames.next()];
    expect(after.at(-1)).toEqual({ done: true, value: undefined });
    await expect(connection.narrow([])).rejects.toThrow("closed by the client");
  });
});

it("a connection that is closed at once, or whose signal has been aborted before, is never made", async () => {
  const gateway = await startForeignGateway();
  const given = { url: gateway.url, instance: "desk-1", token: "ti_secret" };
  const states: ConnectionState[] = [];
  const connections = [
    connectNode({ ...given, onState: (state) => void states.push(state) }),
    connectNode({ ...given, signal: AbortSignal.abort() }),
  ];
  connections[0]?.close();
  for (const { closed } of connections) expect(await closed).toMatchObject({ code: 1000 });
  const later = connectNode(given);
  onTestFinished(() => later.close());
  await gateway.link();
  expect([gateway.links, states]).toEqual([1, ["closed"]]);
});

it.each([
  [{ url: "ftp://localhost" }, "must be an http or https URL"],
  [{ url: "http://localhost?token=x" }, "without user, query and fragment"],
  [{ url: "nowhere" }, "Invalid URL"],
  [{ url: "http://localhost", token: undefined }, "either a token or a function"],
  [{ url: "http://localhost", ticket: async () => "tk" }, "either a token or a function"],
  [{ url: "http://localhost", events: Array(65).fill("call.update") }, "At most 64"],
])("options that can never work are refused at once: %j", (options, sentence) => {
  expect(() => connectNode({ token: "ti_secret", ...options })).toThrow(sentence);
});
