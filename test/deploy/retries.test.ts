/** What the balancer sends a second time: two nodes that only count, behind `deploy/nginx.conf`. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { startBalancer } from "../support/balancer.js";
import { lacks } from "../support/requirements.js";

/** Read whole, then treated by `answer`; `calls` are the methods that arrived at either node. */
async function start(
  answer: (res: ServerResponse, req: IncomingMessage) => void,
): Promise<{ url: string; calls: string[] }> {
  const calls: string[] = [];
  async function startNode(): Promise<number> {
    const server = createServer(async (req: IncomingMessage, res) => {
      req.resume();
      await once(req, "end");
      calls.push(`${req.method}`);
      answer(res, req);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }
  const [first, second] = [await startNode(), await startNode()];
  const balancer = await startBalancer([
    { publicPort: first, servicePort: first },
    { publicPort: second, servicePort: second },
  ]);
  onTestFinished(balancer.close);
  return { url: balancer.url, calls };
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
    const { url, calls } = await start((res) => res.writeHead(calls.length === 1 ? 503 : 200).end("{}"));
    expect((await fetch(`${url}/api/events/publish/desk`, publish)).status).toBe(503);
    expect(calls).toEqual(["POST"]);
    calls.length = 0;
    expect((await fetch(`${url}/ws/desk`)).status).toBe(200);
    expect(calls).toEqual(["GET", "GET"]);
  });

  it("nodes that say they are degraded go on getting what they can serve", async () => {
    const { url } = await start((res, req) => res.writeHead(req.url === "/health" ? 503 : 200).end("{}"));
    for (let i = 0; i < 8; i++) expect((await fetch(`${url}/health`)).status).toBe(503);
    expect((await fetch(`${url}/api/events/publish/desk`, publish)).status).toBe(200);
  });
});
