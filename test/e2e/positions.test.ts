/** A producer is told where its event stands in the history: the position that consumers of `eventwire.v1` get with the event. */

import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { published } from "../support/published.js";
import { openV1 } from "../support/v1-consumer.js";

let server: PublicServer;
let instances = 0;
beforeAll(async () => {
  server = await startPublicServer({ RATE_LIMIT_GLOBAL: "0" });
});
afterAll(() => server.close());

async function instance() {
  const name = `desk-${++instances}`;
  await server.createInstance(name, `token-of-${name}`, { enabled: true });
  return { name, path: `/ws/${name}?token=token-of-${name}` };
}

type Answer = { readonly position?: string | undefined };

async function overRest(name: string, more: object = {}): Promise<Answer> {
  const body = { event: "call.update", data: {}, ...more };
  return JSON.parse((await server.call("POST", `/api/events/publish/${name}`, body)).text);
}

async function overRpc(name: string, transport: ReturnType<typeof createGrpcTransport>): Promise<Answer> {
  const event = { instance: name, event: "call.update", payload: { case: "data", value: {} } } as const;
  return createClient(EventService, transport).publishEvent(event, { headers: { token: server.accountToken } });
}

async function overStream(name: string, receipt: boolean): Promise<readonly Answer[]> {
  const stream = openEventStream(server.server.grpcUrl, server.accountToken);
  const events = [1, 2, 3].map((n) => eventOf(name, "call.update", `{"n":${n}}`));
  events[2] = { ...events[2], idempotencyKey: `${name}-of-a-batch` };
  stream.send({ events, receipt });
  const answer = await stream.acknowledgement();
  stream.end();
  return answer?.receipts ?? [];
}

it("in the answer over REST, Connect and gRPC, and in the receipts of a batch that asks", async () => {
  const { name, path } = await instance();
  const consumer = await openV1(server.url, path);
  const { position: before } = await consumer.frame();
  const answers = [
    await overRest(name),
    await overRpc(name, createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" })),
    await overRpc(name, createGrpcTransport({ baseUrl: server.server.grpcUrl })),
    ...(await overStream(name, true)),
  ];
  const got: unknown[] = [];
  for (const _ of answers) got.push((await consumer.frame()).position);
  expect(answers.map(({ position }) => position)).toEqual(got);
  expect(new Set([before, ...got]).size).toBe(7);
  expect(await overStream(name, false)).toEqual([]);
});

it("and a consumer that connects with that position gets the events after it", async () => {
  const { name, path } = await instance();
  await (await openV1(server.url, path)).frame();
  await overRest(name);
  const { position } = await overRest(name);
  await overRest(name, { data: { n: 3 } });
  const consumer = await openV1(server.url, `${path}&after=${position}`);
  expect(await consumer.frame()).toMatchObject({ resumed: true, replayed: 1 });
  expect((await consumer.frame()).data).toEqual({ n: 3 });
});

it("and a call with the same idempotency key is told the same position, though nobody follows the instance any more", async () => {
  const { name, path } = await instance();
  const consumer = await openV1(server.url, path);
  await consumer.frame();
  const idempotencyKey = `${name}-key`;
  const first = await overRest(name, { idempotencyKey });
  expect(first).toEqual({ ...published, position: (await consumer.frame()).position });
  consumer.socket.terminate();
  await consumer.closed;
  expect(await overRest(name, { idempotencyKey })).toEqual(first);
});

it("and is told none for an event that is in no history", async () => {
  const { name } = await instance();
  expect(await overRest(name)).toEqual(published);
  for (const receipt of await overStream(name, true)) expect(receipt.position).toBeUndefined();
});
