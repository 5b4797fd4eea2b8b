/** Whether the client comes back, and when: by the close catalogue, after a silence, and after a reader that was too slow. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { closeCatalogue } from "../../gen/closes.js";
import type { ConnectionEnd, ConnectOptions } from "../../src/client/browser.js";
import { connect } from "../../src/client/node/connect.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { closingFrame, eventFrame, helloFrame, startForeignGateway } from "../support/foreign-gateway.js";

function open(options: Partial<ConnectOptions> & { readonly url: string }) {
  const ends: ConnectionEnd[] = [];
  const connection = connect({
    instance: "desk-1",
    token: "ti_secret",
    onState: (_, end) => void (end && ends.push(end)),
    ...options,
  });
  onTestFinished(() => connection.close());
  return { connection, ends };
}

const outsideCatalogue = [1000, 1011, 1013, 4999].map((code) => ({ code, reason: "another", reconnect: true }));

describe("the client follows the catalogue for a close that nothing was said before", () => {
  it.each([...Object.values(closeCatalogue), ...outsideCatalogue])("$code $reason: $reconnect", async (close) => {
    const gateway = await startForeignGateway();
    const { connection, ends } = open({ url: gateway.url });
    const link = await gateway.link();
    link.send(helloFrame());
    link.socket.close(close.code, close.reason);
    if (close.reconnect) await gateway.link();
    else await connection.closed;
    const { code, reason, reconnect } = close;
    expect(ends[0]).toMatchObject({ code, reason, reconnect });
  });

  it.each(Object.values(closeCatalogue))(
    "$code after the frame that announces it, at the time that it says",
    async (close) => {
      const { code, reason, reconnect } = close;
      const gateway = await startForeignGateway();
      const { connection, ends } = open({ url: gateway.url });
      const link = await gateway.link();
      const retryAfterMs = reconnect ? 7 : 0;
      link.send(helloFrame(), closingFrame(code, reason, { reconnect, retryAfterMs }));
      link.socket.close(code, reason);
      if (reconnect) await gateway.link();
      else await connection.closed;
      expect(ends[0]).toMatchObject({ code, reason, reconnect, retryAfterMs });
    },
  );

  it("but the gateway's own word counts more", async () => {
    const gateway = await startForeignGateway();
    const { connection } = open({ url: gateway.url });
    const link = await gateway.link();
    const closing = closingFrame(4008, "slow consumer", { reconnect: false, waitingFrames: 257, waitingBytes: 90_000 });
    link.send(helloFrame(), closing);
    link.socket.close(4008, "slow consumer");
    expect(await connection.closed).toMatchObject({ code: 4008, reconnect: false, retryAfterMs: 0, closing });
  });
});

describe("a handshake that is refused over HTTP is as readable as a frame", () => {
  async function startHttp(status: number, headers: Record<string, string>, body: string) {
    const server = createServer();
    server.on("upgrade", (_, socket) => {
      const lines = Object.entries({ ...headers, "Content-Length": body.length, Connection: "close" });
      const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
      socket.end(`HTTP/1.1 ${status} Refused\r\n${head}\r\n${body}`);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const envelope = (message: string) => JSON.stringify({ success: false, error: { message } });

  it("by the gateway: for good", async () => {
    const said = 'INVALID_REQUEST; field="events[0]"; rule="must be one of \\"call.update\\""';
    const url = await startHttp(400, { "Eventwire-Error": said }, envelope("Invalid request"));
    const { connection } = open({ url });
    const end = await connection.closed;
    const rule = 'events[0] must be one of "call.update"';
    expect(end).toMatchObject({
      code: 4000,
      reason: `400 Invalid request, ${rule} (INVALID_REQUEST)`,
      refused: { status: 400, message: "Invalid request", reason: "INVALID_REQUEST", rule, reconnect: false },
    });
    expect((await connection.frames().next()).value).toEqual(end.refused);
  });

  it.each([
    [429, { "Eventwire-Error": "RATE_LIMITED", "Retry-After": "7" }, 7_000, 4029],
    [503, { "Retry-After": "2" }, 2_000, 1006],
    [502, {}, 1_000, 1006],
  ])("and for a time: %i %j", async (status, headers, waitMs, code) => {
    const { ends } = open({ url: await startHttp(status, headers as Record<string, string>, "<html>") });
    await expect.poll(() => ends[0]).toMatchObject({ code, reconnect: true, refused: { status, message: "Refused" } });
    expect(ends[0]?.retryAfterMs).toBeGreaterThanOrEqual(waitMs);
    expect(ends[0]?.retryAfterMs).toBeLessThanOrEqual(waitMs + 1_000);
  });

  it("by another server: for good", async () => {
    const { connection } = open({ url: await startHttp(404, {}, "nothing here") });
    expect(await connection.closed).toMatchObject({ code: 1006, reason: "404 Refused (UNKNOWN)", reconnect: false });
  });
});

it("comes back when nobody listens, and says what the network said", async () => {
  const gateway = await startForeignGateway();
  const proxy = await startDatabaseProxy(gateway.url);
  onTestFinished(() => proxy.close());
  await proxy.cut();
  const { ends } = open({ url: proxy.url });
  await expect.poll(() => ends.length).toBeGreaterThan(1);
  expect(ends[0]).toMatchObject({ code: 1006, reason: expect.stringContaining("ECONNREFUSED"), reconnect: true });
  await proxy.heal();
  await gateway.link();
});

it("notices within two heartbeats that the network has swallowed its connection, and comes back", async () => {
  const gateway = await startForeignGateway();
  const proxy = await startDatabaseProxy(gateway.url);
  onTestFinished(() => proxy.close());
  const { connection, ends } = open({ url: proxy.url });
  (await gateway.link()).send(helloFrame({ heartbeatSeconds: 1 }));
  await connection.opened;
  proxy.silence();
  await proxy.heal();
  (await gateway.link()).send(helloFrame({ connection: "second" }));
  await expect.poll(() => connection.hello?.connection).toBe("second");
  expect(ends).toMatchObject([{ code: 1006, reason: "nothing was heard for 2 s", reconnect: true }]);
});

it("leaves when the frames are not read, keeps no more of them, and comes back when they were read", async () => {
  const gateway = await startForeignGateway();
  const { connection, ends } = open({ url: gateway.url, queueFramesMax: 4 });
  const link = await gateway.link();
  link.send(helloFrame());
  for (let n = 1; n <= 5; n++) link.send(eventFrame(n, { position: `e.${n}` }));
  await link.closed;
  await expect.poll(() => connection.state).toBe("waiting");
  expect(ends).toMatchObject([{ code: 1006, reason: "the frames are not read fast enough", reconnect: true }]);
  const frames = connection.frames();
  await frames.next();
  for (let n = 1; n <= 3; n++) expect((await frames.next()).value).toMatchObject({ data: { n } });
  const next = await gateway.link();
  expect(next.query.get("after")).toBe("e.3");
  next.send(helloFrame({ resumed: true }), eventFrame(4, { position: "e.4" }));
  await frames.next();
  expect((await frames.next()).value).toMatchObject({ data: { n: 4 } });
});

it("comes back from a frame that cannot be read", async () => {
  const gateway = await startForeignGateway();
  const { ends } = open({ url: gateway.url });
  (await gateway.link()).socket.send("{");
  await gateway.link();
  expect(ends[0]).toMatchObject({ reason: "a frame cannot be read", cause: expect.any(SyntaxError) });
});
