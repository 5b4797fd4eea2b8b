/** What the balancer sends a second time: two nodes that only count, behind `deploy/nginx.conf`. */

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Balancer, startBalancer } from "../support/balancer.js";
import { startCountingNodes } from "../support/counting-nodes.js";
import { lacks } from "../support/requirements.js";

async function start(
  answer: (res: ServerResponse, req: IncomingMessage, calls: readonly string[]) => void,
): Promise<{ balancer: Balancer; url: string; calls: string[] }> {
  const { nodes, calls } = await startCountingNodes((res, req) => answer(res, req, calls));
  const balancer = await startBalancer(nodes);
  onTestFinished(balancer.close);
  return { balancer, url: balancer.url, calls };
}

const publish = { method: "POST", body: "{}" };

describe.skipIf(await lacks("nginx"))("behind the balancer", () => {
  it("a publish that a node took and did not answer is not sent to the other one; a read is", async () => {
    const { url, calls } = await start((res) => res.destroy());
    const answer = await fetch(`${url}/api/events/publish/desk`, publish);
    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ success: false, error: { message: expect.any(String) } });
    expect(calls).toEqual(["POST"]);
    calls.length = 0;
    expect((await fetch(`${url}/api/instance/list`)).status).toBe(502);
    expect(calls).toEqual(["GET", "GET"]);
  });

  it("an upgrade that a node refuses with 503 goes to the other one; a publish does not", async () => {
    const { url, calls } = await start((res, _, calls) => res.writeHead(calls.length === 1 ? 503 : 200).end("{}"));
    expect((await fetch(`${url}/api/events/publish/desk`, publish)).status).toBe(503);
    expect(calls).toEqual(["POST"]);
    calls.length = 0;
    expect((await fetch(`${url}/ws/desk`)).status).toBe(200);
    expect(calls).toEqual(["GET", "GET"]);
  });

  it("an upload that comes slowly reaches a node only when it is whole", async () => {
    const { balancer, url, calls } = await start((res) => res.end("{}"));
    const client = connect(balancer.publicPort, "127.0.0.1").setEncoding("utf8");
    client.write("POST /api/events/publish/desk HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{");
    // Another request comes through meanwhile: the first one was read by then.
    expect((await fetch(`${url}/api/instance/list`)).status).toBe(200);
    expect(calls).toEqual(["GET"]);
    client.write("  }");
    expect(String(await once(client, "data"))).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(calls).toEqual(["GET", "POST"]);
    client.destroy();
  });

  it("nodes that say they are degraded go on getting what they can serve", async () => {
    const { url } = await start((res, req) => res.writeHead(req.url === "/health" ? 503 : 200).end("{}"));
    for (let i = 0; i < 8; i++) expect((await fetch(`${url}/health`)).status).toBe(503);
    expect((await fetch(`${url}/api/events/publish/desk`, publish)).status).toBe(200);
  });
});
