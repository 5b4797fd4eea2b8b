/** A node that is killed in the middle of a thousand writes: what was answered is there, and nothing is there by half. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { eventTypes } from "../../src/domain/event-type.js";
import { startNatsServer } from "../support/nats-server.js";
import { createTestDatabase } from "../support/postgres.js";
import { startServerProgram } from "../support/program.js";
import { Random } from "../support/random.js";
import { lacks } from "../support/requirements.js";
import { createRestClient, type RestClient } from "../support/rest-client.js";
import { temporaryDirectory } from "../support/temporary.js";

const accountToken = "ta_test-of-the-kill";
const writesMax = 1_000;
const connections = 8;
const lacksNatsServer = await lacks("nats-server");

/** An instance as the list shows it; undefined where there is none. */
type State = { token: string; websocket: object } | undefined;

/** By name, the states that it may be in: one behind an answer, two while a write is under way. */
type Ledger = Map<string, State[]>;

/** Tells the number of the write that it was saved by. */
function websocketOf(write: number) {
  const digits = [write % 6, Math.floor(write / 6) % 6, Math.floor(write / 36) % 6, Math.floor(write / 216) % 6];
  return { enabled: true, events: digits.map((digit) => eventTypes[digit]), mediaBase64: write % 2 === 0 };
}

interface Run {
  readonly client: RestClient;
  readonly random: Random;
  readonly ledger: Ledger;
  /** Numbers the next write of the thousand; undefined when all are made. */
  next(): number | undefined;
  answered(): void;
}

/** A write on an instance in this state, and the state it is in afterwards. */
function chooseWrite(
  name: string,
  before: State,
  n: number,
  random: Random,
): { call: [method: string, path: string, body?: object]; after: State } {
  const websocket = websocketOf(n);
  if (before === undefined) {
    const token = `token-of-write-${n}`;
    const { enabled, events, mediaBase64 } = websocket;
    const inline = { websocketEnabled: enabled, websocketEvents: events, websocketMediaBase64: mediaBase64 };
    return { call: ["POST", "/api/instance/new", { name, token, ...inline }], after: { token, websocket } };
  }
  if (random.below(10) === 0) return { call: ["DELETE", `/api/instance/delete/${name}`], after: undefined };
  return { call: ["POST", `/api/events/websocket/${name}`, websocket], after: { ...before, websocket } };
}

/** One after another on its own names; ends when the node does. */
async function write(worker: number, { client, random, ledger, next, answered }: Run): Promise<void> {
  const names = Array.from({ length: 4 }, (_, i) => `desk-${worker}-${i}`);
  for (let n = next(); n !== undefined; n = next()) {
    const name = random.pick(names);
    const [before] = ledger.get(name) ?? [undefined];
    const { call, after } = chooseWrite(name, before, n, random);
    ledger.set(name, [before, after]);
    let status: number;
    try {
      ({ status } = await client.call(...call));
    } catch {
      return;
    }
    expect(status).toBe(before === undefined ? 201 : 200);
    ledger.set(name, [after]);
    answered();
  }
}

/** Writes until the node is killed, by `kill`, half way. */
async function writeAndKill(url: string, seed: number, kill: () => void): Promise<Ledger> {
  const ledger: Ledger = new Map();
  let made = 0;
  let answered = 0;
  const run = {
    client: createRestClient(url, accountToken),
    ledger,
    next: () => (made < writesMax ? made++ : undefined),
    answered() {
      if (++answered === writesMax / 2) kill();
    },
  };
  await Promise.all(
    Array.from({ length: connections }, (_, worker) => write(worker, { ...run, random: new Random(seed + worker) })),
  );
  expect(answered).toBeGreaterThanOrEqual(writesMax / 2);
  expect(answered).toBeLessThan(writesMax);
  return ledger;
}

async function holds(url: string, ledger: Ledger): Promise<void> {
  const { body } = await createRestClient(url, accountToken).call("GET", "/api/instance/list");
  const listed = body.instances as { name: string; token: string; websocket?: object }[];
  const states = new Map(listed.map(({ name, token, websocket }) => [name, { token, websocket }]));
  expect(listed.length).toBe(states.size);
  for (const name of states.keys()) expect(ledger.has(name), name).toBe(true);
  for (const [name, possible] of ledger) {
    const state = states.get(name);
    expect(possible, name).toContainEqual(state);
    if (state === undefined) continue;
    // The token opens its own instance: the row of the token and that of the instance are of one write.
    const upgrade = await fetch(`${url}/ws/${name}?token=${state.token}`);
    expect(upgrade.status).toBe(426);
  }
}

describe("kill -9 of a node in the middle of a thousand writes", () => {
  const common = { ACCOUNT_TOKEN: accountToken, RATE_LIMIT_GLOBAL: "0", RATE_LIMIT_CREATE: "0" };

  it.skipIf(lacksNatsServer)("leaves what was answered, for the next start and for the node beside it", async () => {
    const database = await createTestDatabase();
    onTestFinished(() => database.drop());
    const nats = await startNatsServer();
    onTestFinished(() => nats.close());
    const env = { ...common, DATABASE_URL: database.url, NATS_URL: nats.url, DATA_DIR: temporaryDirectory() };
    const killed = await startServerProgram(env);
    const beside = await startServerProgram(env);
    const ledger = await writeAndKill(killed.url, 1, () => killed.kill("SIGKILL"));
    expect(await killed.ended).toBe("SIGKILL");
    await holds((await startServerProgram(env)).url, ledger);
    await holds(beside.url, ledger);
  });

  it.each(["alone", "and its embedded database with it"])(
    "%s, leaves what was answered in DATA_DIR",
    async (extent) => {
      const env = { ...common, DATA_DIR: temporaryDirectory() };
      const killed = await startServerProgram(env);
      const [pid] = readFileSync(join(env.DATA_DIR, "postgres", "data", "postmaster.pid"), "utf8").split("\n");
      const ledger = await writeAndKill(killed.url, 2, () => {
        killed.kill("SIGKILL");
        if (extent !== "alone") process.kill(Number(pid), "SIGKILL");
      });
      expect(await killed.ended).toBe("SIGKILL");
      await holds((await startServerProgram(env)).url, ledger);
    },
  );
});
