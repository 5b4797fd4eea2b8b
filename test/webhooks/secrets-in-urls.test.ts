/** A secret in the URL of a webhook reaches the receiver, and nobody else. */

import { afterAll, beforeAll, expect, it } from "vitest";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { until } from "../support/until.js";
import { hookedInstance, publish, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer({ WEBHOOK_RETRY_SECONDS: "600" });
});
afterAll(() => server?.close());

it("shows the secret in no log line, no metric, no list of deliveries and no error", async () => {
  const secret = "hunter2-of-the-url";
  const taken = await startReceiver();
  const failing = await startReceiver((answer) => answer.writeHead(500).end());
  const redirecting = await startReceiver((answer, { path }) => answer.writeHead(307, { location: path }).end());
  const query = `?key=${secret}&x='%2F`;
  const urls = [
    `${taken.origin}/hook${query}`,
    `${failing.origin}/hook${query}`,
    `${redirecting.origin}/hook${query}`,
    `http://user:${secret}@127.0.0.1:1/${query}`,
    `http://${secret}.invalid:8080/${query}`,
    `http://10.0.0.1:8080/${query}`,
    `http://127.0.0.1:22/${query}`,
    `https://127.0.0.1:${taken.port}/${query}`,
  ];
  const shown: string[] = [];
  for (const url of urls) {
    const name = await hookedInstance(server, url, { timeoutSeconds: 1 });
    await publish(server, name, { n: 1 });
    const read = async (what: string) => {
      const { text } = await server.call("GET", `/api/events/webhook/${name}/${what}`);
      shown.push(text);
      return JSON.parse(text);
    };
    await until(async () => (await read("delivery?number=1")).delivery?.last !== undefined);
    await read("deliveries");
    const wrong = [
      { enabled: true, url: url.replace("http", "ftp") },
      { enabled: true, url, authorization: `${secret}\n` },
      { enabled: true, url, secret },
      { enabled: true, url: `http://[${secret}` },
    ];
    for (const body of wrong) {
      const response = await fetch(`${server.url}/api/events/webhook/${name}`, {
        method: "POST",
        headers: { token: server.accountToken, "content-type": "application/json", accept: "application/problem+json" },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(400);
      shown.push(JSON.stringify([...response.headers]), await response.text());
    }
  }
  expect(taken.requests[0]?.path).toBe(`/hook${query}`);
  shown.push(await (await fetch(`${server.server.grpcUrl}/metrics`)).text(), ...server.log);
  expect(shown.filter((text) => text.includes(secret))).toEqual([]);
});
