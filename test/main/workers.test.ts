/** Several workers behind one public port: they behave like one process, and the death of one is not that of the others. */

import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { BlinkingConsumer } from "../support/blinking-consumer.js";
import { type Consumer, dataOf } from "../support/consumer.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { startNatsServer } from "../support/nats-server.js";
import { createTestDatabase, type TestDatabase } from "../support/postgres.js";
import { lacks } from "../support/requirements.js";
import { scrape } from "../support/scrape.js";
import { until } from "../support/until.js";
import {
  accountToken,
  callAnyone,
  connect,
  connectMany,
  createInstance,
  isAlive,
  startWorkersProgram,
  type WorkersServer,
} from "../support/workers.js";

const lacksNatsServer = await lacks("nats-server");

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const publish = ({ call }: WorkersServer, instance: string, n: number, event = "label.update") =>
  call("POST", `/api/events/publish/${instance}`, { event, data: { n } });

async function comeBack(server: WorkersServer, instance: string): Promise<Consumer> {
  for (;;) {
    try {
      return await connect(server, instance);
    } catch (error) {
      expect(String(error)).toContain("ECONNRESET");
    }
  }
}

const numbersOf = (frames: readonly string[]) => frames.map((frame) => dataOf(frame).n as number);

describe.skipIf(lacksNatsServer)("two workers", () => {
  it("are one to whoever calls: what was answered holds for the next call, whichever gets it", async () => {
    const server = await startWorkersProgram(database.url);
    expect(server.pids()).toHaveLength(2);
    for (let round = 0; round < 20; round++) {
      const name = await createInstance(server);
      for (let call = 0; call < 4; call++) {
        const events = call % 2 === 0 ? ["call.update"] : [];
        await server.call("POST", `/api/events/websocket/${name}`, { enabled: true, events });
        const { body } = await server.call("GET", `/api/events/getWebsocket/${name}`);
        expect(body).toMatchObject({ websocket: { events } });
        expect((await server.call("GET", `/ws/${name}`)).status).toBe(426);
      }
      await server.call("DELETE", `/api/instance/delete/${name}`);
      expect((await server.call("GET", `/ws/${name}`)).status).toBe(404);
    }
  });

  it("share one history, so a consumer finds its events on whichever worker it comes back to", async () => {
    const server = await startWorkersProgram(database.url);
    const instance = await createInstance(server);
    const consumer = new BlinkingConsumer(`/ws/${instance}?token=${accountToken}`);
    await consumer.connect(server.url);
    for (let n = 1; n <= 40; n++) {
      const body = { event: "label.update", data: { publisher: "p", n } };
      expect(await server.call("POST", `/api/events/publish/${instance}`, body)).toMatchObject({ status: 200 });
      consumer.drop();
      await consumer.connect(server.url);
    }
    await until(() => consumer.last("p") === 40);
    expect(consumer).toMatchObject({ faults: [], refusals: [], gaps: 0 });
    expect(consumer.events).toBe(40);
    consumer.drop();
  });

  it("deliver what either was given to all sockets, once, and the events of a stream in order", async () => {
    const server = await startWorkersProgram(database.url);
    const instance = await createInstance(server);
    const consumers = await connectMany(server, instance);
    let n = 0;
    for (; n < 40; n++) expect(await publish(server, instance, n)).toMatchObject({ status: 200 });
    for (; n < 50; n++) {
      const unary = createClient(EventService, createGrpcTransport({ baseUrl: server.grpcUrl }));
      await unary.publishEvent(eventOf(instance, "label.update", `{"n":${n}}`), { headers: { token: accountToken } });
    }
    for (; n < 300; n += 50) {
      const stream = openEventStream(server.grpcUrl, accountToken);
      const events = Array.from({ length: 50 }, (_, i) => eventOf(instance, "label.update", `{"n":${n + i}}`));
      stream.send({ sequence: 1n, events });
      expect(await stream.acknowledgement()).toMatchObject({ published: 50, refusals: [] });
      stream.end();
    }
    for (const consumer of consumers) {
      const numbers = numbersOf(await consumer.take(300));
      expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
      for (let from = 50; from < 300; from += 50) {
        const streamed = numbers.filter((number) => number >= from && number < from + 50);
        expect(streamed).toEqual(streamed.toSorted((a, b) => a - b));
      }
    }
  });

  it("are two nodes on the NATS of NATS_URL where there is one", async () => {
    const nats = await startNatsServer();
    onTestFinished(() => nats.close());
    const server = await startWorkersProgram(database.url, { NATS_URL: nats.url });
    expect(server.natsPid()).toBeUndefined();
    const instance = await createInstance(server);
    const consumers = await connectMany(server, instance);
    for (let n = 0; n < 20; n++) {
      const { status, body } = await publish(server, instance, n);
      expect(status).toBe(200);
      expect(body).not.toHaveProperty("otherNodesReached");
    }
    for (const consumer of consumers) {
      expect(numbersOf(await consumer.take(20))).toEqual(Array.from({ length: 20 }, (_, n) => n));
    }
  });

  it("feel an edit and a deletion on the sockets of both", async () => {
    const server = await startWorkersProgram(database.url);
    const instance = await createInstance(server);
    const consumers = await connectMany(server, instance);
    await server.call("POST", `/api/events/websocket/${instance}`, { enabled: true, events: ["call.update"] });
    for (let n = 0; n < 10; n++) {
      await publish(server, instance, -1, "label.update");
      await publish(server, instance, n, "call.update");
    }
    for (const consumer of consumers) {
      expect(numbersOf(await consumer.take(10))).toEqual(Array.from({ length: 10 }, (_, i) => i));
    }
    await server.call("DELETE", `/api/instance/delete/${instance}`);
    for (const { closed } of consumers) expect(await closed).toEqual([4004, "instance deleted"]);
  });

  it("count calls together", async () => {
    const server = await startWorkersProgram(database.url, { RATE_LIMIT_GLOBAL: "100" });
    const statuses = await Promise.all(
      Array.from({ length: 130 }, async () => (await server.call("GET", "/api/instance/list")).status),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(statuses.filter((status) => status === 429)).toHaveLength(30);
  });

  it("tell their metrics as one, and forget no count of one that has died", async () => {
    const server = await startWorkersProgram(database.url);
    const instance = await createInstance(server);
    const consumers = await connectMany(server, instance, 20);
    for (let n = 0; n < 10; n++) await publish(server, instance, n);
    for (const consumer of consumers) await consumer.take(10);
    const names = [
      "eventwire_sockets",
      "eventwire_events_published_total",
      "eventwire_frames_delivered_total",
      'eventwire_calls_total{method="EventService/PublishEvent",code="ok"}',
      'eventwire_call_duration_seconds_count{method="EventService/PublishEvent"}',
      "eventwire_directory_ready",
      "eventwire_bus_connected",
    ];
    for (let scrapes = 0; scrapes < 4; scrapes++) {
      expect(await scrape(server.grpcUrl, ...names)).toEqual([20, 10, 200, 10, 10, 1, 1]);
    }
    const [victim = 0, ...others] = server.pids();
    process.kill(victim, "SIGKILL");
    await until(() => server.pids().length === 2 && !server.pids().includes(victim));
    expect(server.pids()).toEqual(expect.arrayContaining(others));
    const [sockets = 0, ...counts] = await scrape(server.grpcUrl, ...names.slice(0, 5));
    expect(sockets).toBeLessThan(20);
    expect(counts).toEqual([10, 200, 10, 10]);
  });
});

describe.skipIf(lacksNatsServer)("a worker that is killed", () => {
  it("takes no connection along that it was about to accept", async () => {
    const server = await startWorkersProgram(database.url);
    const [stopped] = server.pids() as [number];
    process.kill(stopped, "SIGSTOP");
    const ask = () => callAnyone(server.grpcUrl, "POST", "/eventwire.v1.HealthService/CheckHealth", {});
    const answers = Array.from({ length: 20 }, ask);
    expect(await Promise.all(answers)).toMatchObject(answers.map(() => ({ status: 200 })));
    process.kill(stopped, "SIGKILL");
  });

  it("takes its own sockets along and no others; whoever comes back gets all that comes then", async () => {
    const server = await startWorkersProgram(database.url);
    const instance = await createInstance(server);
    const consumers = await connectMany(server, instance);
    const broken: Consumer[] = [];
    for (const consumer of consumers) void consumer.closed.then(() => broken.push(consumer));
    const [victim = 0, survivor = 0] = server.pids();
    let published = 0;
    await publish(server, instance, published++);
    process.kill(victim, "SIGKILL");
    await until(() => broken.length > 0);
    for (const { closed } of broken) expect((await closed)[0]).toBe(1006);

    // They come back at once, and what is published after their upgrade is theirs. A connection that waited for the dead
    // worker is reset; whoever meets that tries again.
    const returned = await Promise.all(broken.map(() => comeBack(server, instance)));
    const from = published;
    for (; published < from + 20; published++) {
      // A connection may be meant for the worker that is dead; then it is refused, and was not published.
      await until(() =>
        publish(server, instance, published).then(
          ({ status }) => status === 200,
          () => false,
        ),
      );
    }
    await server.printed("a worker has ended and is started again");
    await until(() => server.pids().length === 2);
    expect(server.pids()).toContain(survivor);
    const late = await connectMany(server, instance);
    for (const end = published + 20; published < end; published++) {
      expect(await publish(server, instance, published)).toMatchObject({ status: 200 });
    }
    const whole = consumers.filter((consumer) => !broken.includes(consumer));
    expect(whole.length).toBeGreaterThan(0);
    const all = Array.from({ length: published }, (_, n) => n);
    for (const consumer of whole) expect(numbersOf(await consumer.take(published))).toEqual(all);
    for (const consumer of returned) {
      expect(numbersOf(await consumer.take(published - from))).toEqual(all.slice(from));
    }
    for (const consumer of late) expect(numbersOf(await consumer.take(20))).toEqual(all.slice(-20));
  });

  it("ends with its primary", async () => {
    const server = await startWorkersProgram(database.url);
    const pids = server.pids();
    const orphan = server.natsPid() as number;
    // The next start in its directory would end it, and there is none.
    onTestFinished(() => void process.kill(orphan, "SIGKILL"));
    const consumer = await connect(server, await createInstance(server));
    server.kill("SIGKILL");
    expect((await consumer.closed)[0]).toBe(1006);
    await until(() => pids.every((pid) => !isAlive(pid)));
  });
});
