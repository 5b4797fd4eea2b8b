/** A producer that sends an event twice with one idempotency key: one delivery and one answer, on every protocol. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { catalogue } from "../../gen/errors.js";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import type { Reason } from "../../src/domain/errors.js";
import { json } from "../support/call-row.js";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { eventOf, openEventStream, streamTransports } from "../support/event-stream.js";
import { query } from "../support/postgres.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { eventId, published } from "../support/published.js";
import { openRestFace } from "../support/rest-face.js";
import { openFace } from "../support/rpc-faces.js";

let server: PublicServer;
let proxy: DatabaseProxy;
let consumer: Consumer;
beforeAll(async () => {
  server = await startPublicServer({}, async (url) => {
    proxy = await startDatabaseProxy(url);
    return proxy.url;
  });
  await server.createInstance("desk", "ti_desk-one", { enabled: true, events: [] });
  await server.createInstance("other", "ti_desk-two");
});
afterAll(async () => {
  await server.close();
  await proxy.close();
});
beforeEach(async () => {
  consumer = await openConsumer(server.url, "/ws/desk?token=ti_desk-one");
});

let marks = 0;
/** The numbers of all frames that have come, up to now. */
async function come(): Promise<unknown[]> {
  const mark = `mark-${++marks}`;
  await server.call("POST", "/api/events/publish/desk", { event: "label.update", data: { n: mark } });
  const numbers: unknown[] = [];
  for (;;) {
    const { n } = dataOf(await consumer.next());
    if (n === mark) return numbers;
    numbers.push(n);
  }
}

/** What a node leaves that dies between the claim of a key and its answer, so many seconds ago. */
const forgetAnswers = (seconds: number) =>
  query(
    server.database.url,
    `update idempotency_key set id = null, claimed_at = now() - interval '${seconds} seconds'`,
  );

function failure(reason: Reason): object {
  const { code, message } = catalogue[reason];
  return { code: code.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase()), message, reason };
}

describe.each([
  ["REST", () => openRestFace(server.url)],
  ["Connect", () => openFace("Connect JSON on HTTP/1.1", server.url)],
  ["gRPC", () => openFace("gRPC of grpc-js", server.server.grpcUrl)],
])("over %s", (name, open) => {
  let face: ReturnType<typeof open>;
  beforeAll(() => {
    face = open();
  });
  afterAll(() => face.close());

  let keys = 0;
  const newKey = () => `${name}-${++keys}`;
  async function publish(key: string, n: unknown, { instance = "desk", event = "call.update", receipt = false } = {}) {
    const request = { instance, event, payload: json(JSON.stringify({ n })), receipt };
    const headers = { token: server.accountToken, "idempotency-key": key };
    return face.call(EventService.method.publishEvent, request, headers);
  }
  const outcome = async (...call: Parameters<typeof publish>) => (await publish(...call)).outcome;

  it("answers a second call with the first answer, and delivers one event", async () => {
    const key = newKey();
    const first = await outcome(key, 1);
    expect(first).toEqual({ answer: published });
    expect(await outcome(key, 1)).toEqual(first);
    expect(await come()).toEqual([1]);
  });

  it("tells a later call that asks for a receipt how many sockets took the event", async () => {
    const key = newKey();
    await outcome(key, 1);
    consumer.socket.terminate();
    expect(await outcome(key, 1, { receipt: true })).toEqual({ answer: { ...published, sockets: 1, webhooks: 0 } });
  });

  it("refuses the key for another event", async () => {
    const key = newKey();
    await outcome(key, 1);
    expect(await outcome(key, 2)).toEqual(failure("IDEMPOTENCY_KEY_USED"));
    expect(await outcome(key, 1, { event: "label.update" })).toEqual(failure("IDEMPOTENCY_KEY_USED"));
    expect(await come()).toEqual([1]);
  });

  it("takes the same key for another instance", async () => {
    const key = newKey();
    const first = await outcome(key, 1, { instance: "other" });
    expect(await outcome(key, 1)).not.toEqual(first);
    expect(await come()).toEqual([1]);
  });

  it("gives all of many calls at the same time one answer, and delivers one event", async () => {
    const key = newKey();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome(key, 1)));
    expect(new Set(outcomes.map((told) => JSON.stringify(told))).size).toBe(1);
    expect(outcomes[0]).toEqual({ answer: published });
    expect(await come()).toEqual([1]);
  });

  it("leaves the key free when the event is refused", async () => {
    const key = newKey();
    expect(await outcome(key, 1, { event: "nonsense" })).toEqual(failure("INVALID_REQUEST_BODY"));
    expect(await outcome(key, 1, { instance: "nobody's" })).toEqual(failure("INSTANCE_NOT_FOUND"));
    expect(await outcome(key, 1)).toEqual({ answer: published });
  });

  it.each([
    ["of 256 characters", "k".repeat(256)],
    ["with a space", "two words"],
    ["with a letter beyond ASCII", "schl\xfcssel"],
  ])("refuses a key %s, and names the rule", async (_, key) => {
    if (name === "gRPC" && !/^[\x20-\x7e]*$/.test(key)) return;
    const { outcome, metadata } = await publish(key, 1);
    expect(outcome).toEqual(failure("INVALID_REQUEST_BODY"));
    expect(metadata.get("eventwire-error")).toContain('rule="must be 1 to 255 characters of visible ASCII');
    expect(await come()).toEqual([]);
  });

  it("takes a key of 255 characters", async () => {
    expect(await outcome(newKey().padEnd(255, "~"), 1)).toEqual({ answer: published });
  });

  it("says that the outcome is unknown when the node of the first call died before its answer", async () => {
    const key = newKey();
    await outcome(key, 1);
    await forgetAnswers(6);
    expect(await outcome(key, 1)).toEqual(failure("OUTCOME_UNKNOWN"));
    expect(await outcome(key, 2)).toEqual(failure("IDEMPOTENCY_KEY_USED"));
    expect(await come()).toEqual([1]);
  });

  it("waits for the answer of a call that is under way, for five seconds at most", async () => {
    const key = newKey();
    await outcome(key, 1);
    await forgetAnswers(4.5);
    expect(await outcome(key, 1)).toEqual(failure("OUTCOME_UNKNOWN"));
    await forgetAnswers(1);
    const waiting = outcome(key, 1, { receipt: true });
    const id = "01234567-89ab-7def-8123-456789abcdef";
    await query(server.database.url, "update idempotency_key set id = $1, sockets = 7", [id]);
    expect(await waiting).toEqual({ answer: { ...published, id, sockets: 7, webhooks: 0 } });
  });
});

it("takes the key from the field of a message, too, but not two keys", async () => {
  const publish = (key: string | undefined, idempotencyKey: unknown) =>
    fetch(`${server.url}/api/events/publish/desk`, {
      method: "POST",
      headers: {
        token: server.accountToken,
        "content-type": "application/json",
        ...(key !== undefined && { "idempotency-key": key }),
      },
      body: JSON.stringify({ event: "call.update", data: { n: 1 }, idempotencyKey }),
    });
  const answers = [await publish("in-two-places", undefined), await publish(undefined, "in-two-places")];
  answers.push(await publish("in-two-places", "in-two-places"));
  expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1);
  expect(await come()).toEqual([1]);
  const refusedFor = async (key: string | undefined, idempotencyKey: unknown) =>
    (await publish(key, idempotencyKey)).headers.get("eventwire-error");
  expect(await refusedFor("one", "another")).toBe(
    'INVALID_REQUEST_BODY; field="idempotencyKey"; rule="must be equal to the header Idempotency-Key"',
  );
  expect(await refusedFor("", undefined)).toContain("must be 1 to 255 characters");
  expect(await refusedFor(undefined, "")).toContain("must be 1 to 255 characters");
});

describe.each(["gRPC", "gRPC with JSON", "Connect"] as const)("in batches over %s", (transport) => {
  const name = transport.replaceAll(" ", "-");
  const open = () => {
    const { grpcUrl } = server.server;
    return openEventStream(grpcUrl, server.accountToken, streamTransports[transport](grpcUrl));
  };
  const keyed = (n: number, idempotencyKey: string) => ({
    ...eventOf("desk", "call.update", `{"n":${n}}`),
    idempotencyKey,
  });
  const plain = (n: number) => eventOf("desk", "call.update", `{"n":${n}}`);

  it("delivers each key once, in the order of the batch, and repeats the receipts", async () => {
    const stream = open();
    const events = [plain(0), keyed(1, `${name}-a`), plain(2), keyed(3, `${name}-b`), keyed(1, `${name}-a`), plain(4)];
    stream.send({ events, receipt: true });
    const first = await stream.acknowledgement();
    expect(first).toMatchObject({ published: 6, refusals: [] });
    const ids = first?.receipts?.map(({ id }) => id) ?? [];
    expect(ids).toEqual(ids.map(() => eventId));
    expect(ids[4]).toBe(ids[1]);
    expect(await come()).toEqual([0, 1, 2, 3, 4]);
    stream.send({ events: [keyed(3, `${name}-b`), keyed(5, `${name}-c`)], receipt: true });
    const second = await stream.acknowledgement();
    expect(second?.receipts?.[0]).toEqual(first?.receipts?.[3]);
    expect(await come()).toEqual([5]);
    stream.end();
  });

  it("names the events that it refuses, and publishes the others", async () => {
    const stream = open();
    const used = `${name}-used`;
    stream.send({ events: [keyed(1, used)] });
    await stream.acknowledgement();
    stream.send({
      events: [
        keyed(2, used),
        keyed(3, `${name}-new`),
        keyed(4, "two words"),
        { ...keyed(5, `${name}-free`), instance: "nobody's" },
        { ...keyed(5, `${name}-free`), event: "nonsense" },
        keyed(5, `${name}-free`),
      ],
    });
    const refused = ["IDEMPOTENCY_KEY_USED", "INVALID_REQUEST_BODY", "INSTANCE_NOT_FOUND", "INVALID_REQUEST_BODY"];
    const { published: count, refusals = [] } = (await stream.acknowledgement()) ?? {};
    expect(count).toBe(2);
    expect(refusals.map(({ reason }) => reason)).toEqual(refused);
    expect(refusals.map(({ index }) => index)).toEqual([0, 2, 3, 4]);
    expect(await come()).toEqual([1, 3, 5]);
    stream.end();
  });

  it("goes on after a batch whose outcome is unknown", async () => {
    const stream = open();
    stream.send({ events: [keyed(1, `${name}-lost`)] });
    await stream.acknowledgement();
    await forgetAnswers(6);
    stream.send({ events: [keyed(1, `${name}-lost`), plain(2)] });
    expect(await stream.acknowledgement()).toMatchObject({
      published: 1,
      refusals: [{ index: 0, reason: "OUTCOME_UNKNOWN" }],
    });
    expect(await come()).toEqual([1, 2]);
    stream.end();
  });
});

it("refuses one key for a whole stream", async () => {
  const response = await fetch(`${server.url}/eventwire.v1.EventService/PublishEvents`, {
    method: "POST",
    headers: {
      token: server.accountToken,
      "content-type": "application/connect+json",
      "idempotency-key": "of-a-stream",
    },
  });
  expect(await response.text()).toContain("Idempotency-Key must not stand in the metadata of a stream");
});

it("refuses an event with a key while the database is away, and publishes others", async () => {
  const publish = async () => {
    const response = await fetch(`${server.url}/api/events/publish/desk`, {
      method: "POST",
      headers: {
        token: server.accountToken,
        "content-type": "application/json",
        "idempotency-key": "while-it-is-away",
      },
      body: '{"event":"call.update","data":{"n":1}}',
    });
    return { status: response.status, body: await response.json(), retryAfter: response.headers.get("retry-after") };
  };
  const { status, message } = catalogue.IDEMPOTENCY_UNAVAILABLE;
  const refused = { status, body: { success: false, error: { message } }, retryAfter: "1" };
  await proxy.cut();
  try {
    expect(await publish()).toEqual(refused);
    expect(await come()).toEqual([]);
  } finally {
    await proxy.heal();
  }
  let last = await publish();
  while (last.status === status) last = await publish();
  expect(last.body).toEqual(published);
  expect(await come()).toEqual([1]);
});
