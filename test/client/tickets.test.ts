/** How the client shows who it is: a token in a header, a token that it exchanges for a ticket, or a ticket that it is given. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { type ConnectOptions, connect as connectStandard } from "../../src/client/browser.js";
import { connect as connectNode } from "../../src/client/node/connect.js";
import { helloFrame, startForeignGateway } from "../support/foreign-gateway.js";

it("a token goes into a header in Node.js, and is exchanged for a ticket where no header can be set", async () => {
  const gateway = await startForeignGateway();
  const places: unknown[] = [];
  for (const connect of [connectNode, (options: ConnectOptions) => connectStandard({ WebSocket, ...options })]) {
    for (const instance of ["desk 1", undefined]) {
      const connection = connect({ url: gateway.url, instance, events: ["call.update"], token: "ti_a+b" });
      onTestFinished(() => connection.close());
      const { request } = await gateway.link();
      places.push([request.headers.token, request.url]);
    }
  }
  expect(places).toEqual([
    ["ti_a+b", "/ws/desk%201?events=call.update"],
    ["ti_a+b", "/ws?events=call.update"],
    [undefined, "/ws/desk%201?events=call.update&ticket=tk_1"],
    [undefined, "/ws?events=call.update&ticket=tk_2"],
  ]);
  expect(gateway.ticketRequests).toEqual([
    ["POST /api/events/ticket/desk%201", "ti_a+b"],
    ["POST /api/events/ticket", "ti_a+b"],
  ]);
});

it("a connection that is closed while its token is exchanged gives the exchange up, and opens nothing", async () => {
  const gateway = createServer();
  await once(gateway.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void gateway.close());
  let opened = 0;
  class Watched extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      opened++;
    }
  }
  const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  const connection = connectStandard({ WebSocket: Watched, url, instance: "desk-1", token: "ti_secret" });
  const [, response] = await once(gateway, "request");
  connection.close();
  await once(response, "close");
  expect([opened, connection.state]).toEqual([0, "closed"]);
});

it("without an answer to the exchange the client says what may be wrong, and tries again", async () => {
  const reasons: string[] = [];
  const connection = connectStandard({
    WebSocket,
    url: "http://127.0.0.1:1",
    instance: "desk-1",
    token: "ti_secret",
    onState: (_, end) => void (end && reasons.push(end.reason)),
  });
  onTestFinished(() => connection.close());
  await expect.poll(() => reasons.length).toBeGreaterThan(1);
  expect(reasons[0]).toMatch(/^no ticket: .* \(the gateway may be away, or may not allow the origin of this page\)$/);
});

describe("a refused ticket", () => {
  const refusal = { status: 401, message: "Invalid token", reason: "INVALID_TOKEN", rule: null };
  const refused = { control: "refused", reconnect: false, retryAfterMs: 0, ...refusal };

  async function open() {
    const gateway = await startForeignGateway();
    let tickets = 0;
    const connection = connectNode({ url: gateway.url, instance: "desk-1", ticket: async () => `tk_${++tickets}` });
    onTestFinished(() => connection.close());
    async function refuse(): Promise<void> {
      const link = await gateway.link();
      link.send(refused);
      link.socket.close(4401, "invalid token");
    }
    return { gateway, connection, refuse };
  }

  it("is followed by one more, and by no third one", async () => {
    const { gateway, connection, refuse } = await open();
    await refuse();
    await refuse();
    expect(await connection.closed).toMatchObject({ code: 4401, reconnect: false });
    expect(gateway.links).toBe(2);
  });

  it("is forgotten after a connection that opened", async () => {
    const { gateway, connection, refuse } = await open();
    await refuse();
    const link = await gateway.link();
    link.send(helloFrame());
    await connection.opened;
    link.socket.terminate();
    await refuse();
    expect((await gateway.link()).query.get("ticket")).toBe("tk_4");
  });
});
