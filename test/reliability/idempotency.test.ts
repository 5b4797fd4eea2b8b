/**
 * Every event is sent three times, at random to two nodes, while one of them, the connections of the producers and those to
 * the database are killed. Each event reaches its consumers at most once, and all answers for a key are the same, or say
 * that the outcome is unknown.
 * A short run is part of the suite; `IDEMPOTENCY_EVENTS=10000 npx vitest run test/reliability/idempotency.test.ts` is a
 * long one.
 */

import { expect, it, onTestFinished } from "vitest";
import { startCluster } from "../support/cluster.js";
import { openConsumer } from "../support/consumer.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { freePort } from "../support/free-port.js";
import { createTestDatabase } from "../support/postgres.js";
import { Random } from "../support/random.js";
import { lacks } from "../support/requirements.js";
import { until } from "../support/until.js";

const events = Number(process.env.IDEMPOTENCY_EVENTS ?? 300);
const seed = Number(process.env.IDEMPOTENCY_SEED ?? Date.now() % 2 ** 31);
const copies = 3;
/** How often everything is killed. */
const rounds = Math.ceil(events / 3_000);
/** How many calls are under way at once, and how many events a batch has. */
const producers = 24;
const batchSize = 8;
const instances = ["desk-1", "desk-2"];

/** What one call learnt of one event: an id, or a reason; `lost` without an answer. */
type Told = { readonly id: string; readonly sockets: number | undefined } | { readonly reason: string };

const lost: Told = { reason: "lost" };
const instanceOf = (n: number) => instances[n % instances.length] as string;
const keyOf = (n: number) => `event-${n}`;
const dataOf = (n: number) => JSON.stringify({ n });

it.skipIf(await lacks("nats-server"))(
  `delivers each of ${events} events at most once, and answers each key alike (seed ${seed})`,
  { timeout: 30_000 + events * 60 },
  async () => {
    const random = new Random(seed);
    const database = await createTestDatabase();
    const toDatabase = await startDatabaseProxy(database.url);
    const [port, grpcPort] = [await freePort(), await freePort()];
    const cluster = await startCluster({ nodes: 1, env: { DATABASE_URL: toDatabase.url } });
    onTestFinished(async () => {
      await cluster.close();
      await toDatabase.close();
      await database.drop();
    });
    const killable = { PORT: String(port), GRPC_PORT: String(grpcPort) };
    let mortal = await cluster.startNode(killable);
    const [survivor] = cluster.nodes;
    if (survivor === undefined) throw new Error("no node");
    for (const name of instances) await cluster.createInstance(name);
    const doors = await Promise.all(
      [survivor, mortal].flatMap(({ url, grpcUrl }) => [url, grpcUrl]).map((url) => startDatabaseProxy(url)),
    );
    onTestFinished(() => Promise.all(doors.map((door) => door.close())).then(() => {}));
    const [rest = [], grpc = []] = [0, 1].map((place) => doors.filter((_, i) => i % 2 === place));

    /** By event, how often each consumer got it; and under which id. */
    const got = new Map<number, { survivor: number; mortal: number; ids: Set<string> }>(
      Array.from({ length: events }, (_, n) => [n, { survivor: 0, mortal: 0, ids: new Set() }]),
    );
    async function consume(node: "survivor" | "mortal", url: string): Promise<void> {
      for (const instance of instances) {
        const path = `/ws/${instance}?protocol=eventwire.v1&token=${cluster.accountToken}`;
        const consumer = await openConsumer(url, path);
        consumer.socket.on("message", (frame: Buffer) => {
          const { event, id, data } = JSON.parse(frame.toString());
          const counts = event === undefined ? undefined : got.get(data.n);
          if (counts === undefined) return;
          counts[node]++;
          counts.ids.add(id);
        });
      }
    }
    await consume("survivor", survivor.url);
    await consume("mortal", mortal.url);

    let refused = 0;
    const told = Array.from({ length: events }, (): Told[] => []);
    function tell(n: number, answer: Told): void {
      if ("reason" in answer && answer.reason === "IDEMPOTENCY_UNAVAILABLE") refused++;
      told[n]?.push(answer);
    }
    async function sendOne(n: number, door: DatabaseProxy): Promise<void> {
      const answer = await fetch(`${door.url.replace(/\/$/, "")}/api/events/publish/${instanceOf(n)}`, {
        method: "POST",
        headers: { token: cluster.accountToken, "content-type": "application/json", "idempotency-key": keyOf(n) },
        body: `{"event":"call.update","data":${dataOf(n)},"receipt":true}`,
      }).then(
        async (response): Promise<Told> => {
          if (response.ok) return (await response.json()) as Told;
          return { reason: response.headers.get("eventwire-error")?.split(";")[0] ?? "" };
        },
        () => lost,
      );
      tell(n, answer);
    }
    async function sendBatch(numbers: readonly number[], door: DatabaseProxy): Promise<void> {
      const stream = openEventStream(door.url, cluster.accountToken);
      const batch = numbers.map((n) => ({
        ...eventOf(instanceOf(n), "call.update", dataOf(n)),
        idempotencyKey: keyOf(n),
      }));
      stream.send({ events: batch, receipt: true });
      const answer = await stream.acknowledgement().catch(() => undefined);
      stream.end();
      for (const [i, n] of numbers.entries()) {
        const refusal = answer?.refusals.find(({ index }) => index === i);
        tell(n, refusal ?? answer?.receipts?.[i] ?? lost);
      }
    }

    const sends = Array.from({ length: events * copies }, (_, i) => i % events);
    for (let i = sends.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [sends[i], sends[j]] = [sends[j] as number, sends[i] as number];
    }
    const begun = sends.length;
    let isRestarting = false;
    async function produce(): Promise<void> {
      while (sends.length > 0) {
        const node = isRestarting ? 0 : random.below(2);
        if (random.below(2) === 0) await sendOne(sends.pop() as number, rest[node] as DatabaseProxy);
        else await sendBatch(sends.splice(-batchSize), grpc[node] as DatabaseProxy);
      }
    }

    const reached = (part: number) => until(() => sends.length <= begun * (1 - part));
    async function disturb(): Promise<void> {
      for (let round = 0; round < rounds; round++) {
        const at = (part: number) => reached((round + part) / rounds);
        await at(0.1);
        await Promise.all(doors.map((door) => door.cut()));
        await Promise.all(doors.map((door) => door.heal()));
        await at(0.2);
        const enough = refused + producers;
        await toDatabase.cut();
        await until(() => refused >= enough || sends.length === 0);
        await toDatabase.heal();
        await at(0.4);
        mortal.program.kill("SIGKILL");
        isRestarting = true;
        await mortal.program.ended;
        mortal = await cluster.startNode(killable);
        await consume("mortal", mortal.url);
        isRestarting = false;
      }
    }
    await Promise.all([disturb(), ...Array.from({ length: producers }, produce)]);

    // Whoever does not know sends the event once more, until the gateway knows.
    const unasked = Array.from({ length: events }, (_, n) => n);
    async function ask(): Promise<void> {
      for (let n = unasked.pop(); n !== undefined; n = unasked.pop()) {
        do await sendOne(n, rest[0] as DatabaseProxy);
        while (JSON.stringify(told[n]?.at(-1)).includes("IDEMPOTENCY_UNAVAILABLE"));
      }
    }
    await Promise.all(Array.from({ length: producers }, ask));

    const counts = new Map<string, number>();
    for (const [n, answers] of told.entries()) {
      const { survivor, mortal, ids } = got.get(n) as { survivor: number; mortal: number; ids: Set<string> };
      const last = answers.at(-1) as Told;
      for (const answer of answers) {
        const name = "reason" in answer ? answer.reason : "published";
        counts.set(name, (counts.get(name) ?? 0) + 1);
        const allowed = ["lost", "IDEMPOTENCY_UNAVAILABLE", "OUTCOME_UNKNOWN"];
        if ("reason" in answer) expect(allowed, `event ${n}`).toContain(answer.reason);
        else if ("id" in last) expect(answer, `event ${n}`).toMatchObject({ id: last.id, sockets: last.sockets });
        // The connection of the survivor never ended, so it has every event that was answered.
        if ("id" in answer) expect([survivor, [...ids]], `event ${n}`).toEqual([1, [answer.id]]);
      }
      expect(survivor, `event ${n} at the survivor`).toBeLessThanOrEqual(1);
      expect(mortal, `event ${n} at the node that was killed`).toBeLessThanOrEqual(1);
      expect("id" in last || last.reason === "OUTCOME_UNKNOWN", `event ${n}`).toBe(true);
    }
    console.info(`${events} events, each sent ${copies} times: ${[...counts].map((row) => row.join(" ")).join(", ")}`);
    expect(counts.get("published")).toBeGreaterThan(events);
  },
);
