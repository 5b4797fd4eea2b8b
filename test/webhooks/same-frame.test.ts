/** The body of a delivery is the frame of a plain socket, and its id is that of the event everywhere. */

import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openConsumer } from "../support/consumer.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { until } from "../support/until.js";
import { openV1 } from "../support/v1-consumer.js";
import { hookedInstance, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startWebhookServer();
});
afterAll(() => server?.close());

const base64 = randomBytes(300).toString("base64");
const datas = [
  '{"b": 1.0, "a":"\\u00e9\\/", "big":12345678901234567890, "a":2}',
  `{"message":{"media":{"mimetype":"image/png","base64":"${base64}","url":"u"},"id":"é"}}`,
  `{ "media" : { "base64" :\n"${base64}" } }`,
  '{"message":{"media":{"base64":"no base64"}}}',
];

it.each([false, true])(
  "the body is byte for byte the frame of a plain socket, with mediaBase64 %s",
  async (mediaBase64) => {
    const receiver = await startReceiver();
    const name = await hookedInstance(server, receiver.origin, { mediaBase64 });
    await server.call("POST", `/api/events/websocket/${name}`, { enabled: true, mediaBase64 });
    const socket = await openConsumer(server.url, `/ws/${name}?token=${server.accountToken}`);
    const v1 = await openV1(server.url, `/ws/${name}?token=${server.accountToken}`);
    const ids: string[] = [];
    for (const data of datas) {
      const response = await fetch(`${server.url}/api/events/publish/${name}`, {
        method: "POST",
        headers: { token: server.accountToken, "content-type": "application/json" },
        body: `{"event":"message.exchange","data":${data}}`,
      });
      ids.push(((await response.json()) as { id: string }).id);
    }
    await until(() => receiver.requests.length === datas.length);
    expect(receiver.requests.map(({ body }) => body.toString())).toEqual(await socket.take(datas.length));
    expect(receiver.requests.map(({ headers }) => headers["webhook-id"])).toEqual(ids);
    const onSocket: unknown[] = [];
    while (onSocket.length < ids.length) {
      const frame = await v1.frame();
      if (frame.event !== undefined) onSocket.push(frame.id);
    }
    expect(onSocket).toEqual(ids);
  },
);
