/** The client and a real gateway: what the page "The TypeScript client" promises, seen by who uses the package. */

import { type AddressInfo, createServer, connect as dial } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { Connection, ConnectionEnd, ConnectOptions, Frame } from "../../src/client/browser.js";
import { connect as connectStandard } from "../../src/client/browser.js";
import { connect as connectNode } from "../../src/client/node/connect.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer({ IDLE_TIMEOUT_SECONDS: "8" });
});
afterAll(() => server?.close());

let instances = 0;
/** Makes an instance with its channel on, and returns its name. Its token is `token-of-` and the name. */
async function createDesk(websocket: object = { enabled: true }): Promise<string> {
  const name = `desk-${++instances}`;
  await server.createInstance(name, `token-of-${name}`, websocket);
  return name;
}

function publish(name: string, event: string, data: object): Promise<unknown> {
  return server.call("POST", `/api/events/publish/${name}`, { event, data });
}

const entries = [
  ["in Node.js", (options: ConnectOptions) => connectNode(options)],
  ["with the standard WebSocket", (options: ConnectOptions) => connectStandard({ WebSocket, ...options })],
] as const;

async function take(frames: AsyncIterator<Frame>, count: number): Promise<Frame[]> {
  const taken: Frame[] = [];
  while (taken.length < count) taken.push((await frames.next()).value);
  return taken;
}

describe.each(entries)("the client %s", (_, connect) => {
  function open(instance: string, options: Partial<ConnectOptions> = {}) {
    const ends: ConnectionEnd[] = [];
    const connection: Connection = connect({
      url: server.url,
      instance,
      token: `token-of-${instance}`,
      onState: (_, end) => void (end && ends.push(end)),
      ...options,
    });
    onTestFinished(() => connection.close());
    return { connection, ends };
  }

  it("gets hello, events and changes of the channel, and never a token", async () => {
    const desk = await createDesk({ enabled: true, events: ["call.update", "label.update"] });
    const { connection } = open(desk);
    const frames = connection.frames();
    const [hello] = await take(frames, 1);
    expect(hello).toMatchObject({
      control: "hello",
      instance: desk,
      filter: { events: ["call.update", "label.update"], mediaBase64: false },
      heartbeatSeconds: 4,
    });
    await publish(desk, "call.update", { type: "offer" });
    await server.call("POST", `/api/events/websocket/${desk}`, { enabled: true, events: ["label.update"] });
    await publish(desk, "label.update", { labelId: "7" });
    expect(await take(frames, 3)).toMatchObject([
      { event: "call.update", data: { type: "offer" }, instanceData: { instance: desk } },
      { control: "config_changed", enabled: true, filter: { events: ["label.update"] } },
      { event: "label.update", data: { labelId: "7" } },
    ]);
    expect(JSON.stringify(hello)).not.toContain("token-of");
  });

  it("narrows and pings", async () => {
    const desk = await createDesk();
    const { connection } = open(desk, { events: ["call.update"] });
    const frames = connection.frames();
    expect((await connection.opened).filter.events).toEqual(["call.update"]);
    expect((await connection.narrow(["label.update"])).events).toEqual(["label.update"]);
    await publish(desk, "call.update", {});
    await publish(desk, "label.update", {});
    expect((await take(frames, 3)).at(-1)).toMatchObject({ event: "label.update" });
    expect((await connection.narrow([])).events).toHaveLength(6);
    await expect(connection.narrow(["nonsense"])).rejects.toThrow("The gateway did not narrow: events[0]");
    expect(await connection.ping()).toMatchObject({ control: "pong" });
  });

  it.each([
    ["an unknown instance", "nowhere", { token: "account" }, 4004, "404 Instance not found (INSTANCE_NOT_FOUND)"],
    ["a wrong token", "desk", { token: "ti_of-nobody" }, 4401, "401 Invalid token (INVALID_TOKEN)"],
    ["an unknown type", "desk", { events: ["nonsense"] }, 4000, /^400 .*events\[0\].*\(INVALID_REQUEST\)$/],
    ["a closed channel", "closed", {}, 4005, /^400 .*\(WEBSOCKET_DISABLED\)$/],
  ])("reads why it is refused: %s", async (_, place, options, code, reason) => {
    const desk = place === "nowhere" ? place : await createDesk({ enabled: place === "desk" });
    const token = "token" in options && options.token === "account" ? { token: server.accountToken } : {};
    const end = await open(desk, { ...options, ...token }).connection.closed;
    expect(end).toMatchObject({ code, reconnect: false, refused: { control: "refused" } });
    expect(end.reason).toMatch(reason);
  });

  it("gets the events of all instances of an account, and is told of new ones", async () => {
    const [first, second] = [await createDesk(), await createDesk()];
    const connection = connect({ url: server.url, token: server.accountToken });
    onTestFinished(() => connection.close());
    const frames = connection.frames();
    expect(await take(frames, 1)).toMatchObject([{ control: "hello", instance: "" }]);
    await publish(second, "call.update", { n: 1 });
    await publish(first, "call.update", { n: 2 });
    const third = await createDesk();
    expect(await take(frames, 3)).toMatchObject([
      { event: "call.update", data: { n: 1 }, instanceData: { instance: second } },
      { event: "call.update", data: { n: 2 }, instanceData: { instance: first } },
      { control: "config_changed", instance: third },
    ]);
  });

  it("ends with the instance", async () => {
    const desk = await createDesk();
    const { connection } = open(desk);
    await connection.opened;
    await server.call("DELETE", `/api/instance/delete/${desk}`);
    expect(await connection.closed).toMatchObject({
      code: 4004,
      reason: "instance deleted",
      closing: { control: "closing", reconnect: false, waitingFrames: 0 },
    });
  });

  it("notices within two heartbeats that the network has swallowed its connection, and goes on where it was", async () => {
    const desk = await createDesk();
    const proxy = await startDatabaseProxy(server.url);
    onTestFinished(() => proxy.close());
    const { connection, ends } = open(desk, { url: proxy.url });
    const frames = connection.frames();
    const [first] = await take(frames, 1);
    proxy.silence();
    await proxy.heal();
    await publish(desk, "call.update", { swallowed: true });
    const [second, event] = await take(frames, 2);
    expect(ends).toMatchObject([{ code: 1006, reason: "nothing was heard for 8 s", reconnect: true }]);
    expect(second).toMatchObject({
      control: "hello",
      previous: { connection: Object(first).connection },
      resumed: true,
      replayed: 1,
    });
    expect(event).toMatchObject({ data: { swallowed: true } });
    await publish(desk, "call.update", { swallowed: false });
    expect(await take(frames, 1)).toMatchObject([{ data: { swallowed: false } }]);
  });
});

it("a client comes back from a node that is stopped, by the time that the node named", async () => {
  const first = await startPublicServer({ DRAIN_SECONDS: "0" });
  const second = await startPublicServer();
  onTestFinished(() => second.close());
  for (const { createInstance } of [first, second]) await createInstance("desk", "token-of-desk", { enabled: true });
  let { port } = first;
  const balancer = createServer((near) => {
    const far = dial(port, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on("error", () => {});
  });
  await new Promise<void>((done) => balancer.listen(0, "127.0.0.1", done));
  onTestFinished(() => void balancer.close());

  const ends: ConnectionEnd[] = [];
  const connection = connectNode({
    url: `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`,
    instance: "desk",
    token: "token-of-desk",
    onState: (_, end) => void (end && ends.push(end)),
  });
  onTestFinished(() => connection.close());
  await connection.opened;
  ({ port } = second);
  await first.close();
  await expect.poll(() => connection.state, { timeout: 40_000 }).toBe("open");
  expect(ends).toMatchObject([{ code: 1001, reason: "shutting down", reconnect: true, closing: expect.any(Object) }]);
  expect(ends[0]?.retryAfterMs).toBe(ends[0]?.closing?.retryAfterMs);
});
