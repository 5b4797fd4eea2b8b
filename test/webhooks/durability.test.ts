/** What an answer promises: an answered event reaches each webhook that wants it, whoever is killed. */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../support/free-port.js";
import { startKillablePostgres } from "../support/killable-postgres.js";
import { type RunningServer, startServerProgram } from "../support/program.js";
import { createRestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";
import { until } from "../support/until.js";

const token = "ta_test-of-durability";
const eventsPerFault = 40;

interface Arrival {
  readonly path: string;
  readonly id: string;
  readonly n: number;
}

/** Receives on a port of its own, and can be cut off from one moment to the next. */
async function startFragileReceiver() {
  const port = await freePort();
  const arrivals: Arrival[] = [];
  let server: Server | undefined;
  const start = async () => {
    server = createServer(async (request, response) => {
      const body = Buffer.concat(await request.toArray().catch(() => []));
      if (body.length === 0) return;
      const { n } = JSON.parse(body.toString()).data;
      arrivals.push({ path: request.url ?? "", id: String(request.headers["webhook-id"]), n });
      response.end();
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const stop = async () => {
    server?.close();
    server?.closeAllConnections();
  };
  await start();
  onTestFinished(stop);
  return { origin: `http://127.0.0.1:${port}`, arrivals, start, stop };
}

it("reaches both webhooks, in order where order holds, over the death of the database, the receiver and the node", async () => {
  const database = await startKillablePostgres();
  onTestFinished(database.close);
  const receiver = await startFragileReceiver();
  const [PORT, GRPC_PORT] = [String(await freePort()), String(await freePort())];
  const start = (): Promise<RunningServer> =>
    startServerProgram({
      ...{ PORT, GRPC_PORT, DATABASE_URL: database.url, ACCOUNT_TOKEN: token, DATA_DIR: dataDir },
      ...{ RATE_LIMIT_GLOBAL: "0", WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8", WEBHOOK_RETRY_SECONDS: "1,1,1,1,1,1,60,60" },
    });
  const dataDir = temporaryDirectory();
  let node = await start();
  const client = createRestClient(node.url, token);
  await client.call("POST", "/api/instance/new", { name: "desk" });
  for (const [label, ordered] of [
    ["ordered", true],
    ["unordered", false],
  ] as const) {
    const webhook = { label, enabled: true, url: `${receiver.origin}/${label}`, ordered };
    expect((await client.call("POST", "/api/events/webhook/desk", webhook)).status).toBe(200);
  }

  const answered: string[] = [];
  const refusals = new Set<unknown>();
  let n = 0;
  /** Publishes until so many more events are answered. */
  async function publish(count: number): Promise<void> {
    for (const end = answered.length + count; answered.length < end; ) {
      const event = { event: "message.status", data: { n: ++n } };
      const answer = await client.call("POST", "/api/events/publish/desk", event).catch(() => undefined);
      if (answer?.status === 200) answered.push(String(answer.body.id));
      else if (answer !== undefined) refusals.add((answer.body.error as { message: string }).message);
    }
  }

  await publish(eventsPerFault);
  let publishing = publish(eventsPerFault);
  database.kill();
  await until(() => refusals.size > 0);
  await database.start();
  await publishing;
  expect([...refusals]).toEqual(["Failed to store event"]);

  await receiver.stop();
  await publish(eventsPerFault);
  await receiver.start();

  publishing = publish(eventsPerFault);
  node.kill("SIGKILL");
  await node.ended;
  node = await start();
  await publishing;

  const received = (path: string) => receiver.arrivals.filter((arrival) => arrival.path === path);
  for (const path of ["/ordered", "/unordered"]) {
    await until(() => {
      const ids = new Set(received(path).map(({ id }) => id));
      return answered.every((id) => ids.has(id));
    });
  }
  const first = new Set(received("/ordered").map((arrival) => arrival.n));
  expect([...first]).toEqual([...first].sort((a, b) => a - b));
  // What was sent and not yet noted when the node or the database died comes again, under the same id.
  const byNumber = new Map(receiver.arrivals.map(({ n: number, id }) => [number, id]));
  for (const arrival of receiver.arrivals) expect(byNumber.get(arrival.n)).toBe(arrival.id);
}, 180_000);
