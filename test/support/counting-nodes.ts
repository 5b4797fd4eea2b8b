/** Two nodes that only count the requests that reach them, for tests of what a balancer sends a second time. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { Upstream } from "./balancer.js";

export interface CountingNodes {
  readonly nodes: readonly [Upstream, Upstream];
  /** The methods that arrived at either node. */
  readonly calls: string[];
}

/** Reads each request whole, then lets `answer` treat it. The nodes end with the test. */
export async function startCountingNodes(
  answer: (res: ServerResponse, req: IncomingMessage) => void,
): Promise<CountingNodes> {
  const calls: string[] = [];
  async function startNode(): Promise<Upstream> {
    const server = createServer(async (req: IncomingMessage, res) => {
      calls.push(`${req.method}`);
      req.resume();
      await once(req, "end");
      answer(res, req);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    return { publicPort: port, servicePort: port };
  }
  return { nodes: [await startNode(), await startNode()], calls };
}
