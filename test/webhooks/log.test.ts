/** No log line shows where a webhook sends, or what it may present there, whatever happens to it. */

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { until } from "../support/until.js";
import { hookedInstance, publish, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer();
});
afterAll(() => server.close());

it("shows nothing of a URL's host, user, password and query, nor the Authorization and the secret", async () => {
  const query = "?key=query-secret-1";
  const gone = await startReceiver((answer) => answer.writeHead(410).end());
  const fails = await startReceiver((answer) => answer.writeHead(503).end("body-secret-1"));
  const works = await startReceiver();
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  const credentials = { authorization: "Bearer authorization-secret-1", secret };
  const urls = [
    `http://user-secret-1:password-secret-1@127.0.0.1:${gone.port}/${query}`,
    `${fails.origin}/${query}`,
    `${works.origin}/${query}`,
    `http://name-secret-1.invalid:8080/${query}`,
    `http://127.0.0.1:22/${query}`,
    `http://169.254.169.254/${query}`,
    `https://127.0.0.1:${works.port}/${query}`,
  ];
  const names = await Promise.all(urls.map((url) => hookedInstance(server, url, credentials)));
  for (const name of names) await publish(server, name, { n: 1 });
  await until(() => [gone, fails, works].every(({ requests }) => requests.length > 0));
  await until(() => server.log.some((line) => line.includes("webhook disabled")));
  const { status } = await server.call("POST", `/api/events/webhook/${names[0]}`, {
    enabled: true,
    url: "secret-1",
    secret,
  });
  expect(status).toBe(400);

  expect(works.requests[0]?.path).toBe(`/${query}`);
  const hidden = ["secret-1", secret, "169.254.169.254", `127.0.0.1:${works.port}`, `127.0.0.1:${fails.port}`];
  for (const line of server.log) for (const text of hidden) expect(line).not.toContain(text);
});
