/** What `instance.state` events leave behind in the list of instances. */

import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { Principal } from "../../src/domain/instance.js";
import { checkEventData } from "../../src/service/event-data.js";
import { createInstanceStatus, type InstanceStatus } from "../../src/service/instance-status.js";
import { createInstances, type Instances } from "../../src/service/instances.js";
import type { Store } from "../../src/store/store.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";
import { silent } from "../support/store.js";

const jid = "5521970001122@s.whatsapp.net";
let node: ServiceNode;
let account: Principal;
let status: InstanceStatus;
let instances: Instances;
let id: string;
let name = 0;

beforeAll(async () => {
  node = await startServiceNode();
  account = node.directory.principal(node.token) as Principal;
});
afterAll(() => node?.close());
beforeEach(async () => {
  status = createInstanceStatus({ store: node.store, logger: silent });
  instances = createInstances({ store: node.store, status, tokenLengthMin: 8 });
  ({ id } = await instances.create({ accountId: account.accountId, name: `desk-${++name}` }));
});

const tell = (data: unknown) => record(Buffer.from(JSON.stringify(data)));

async function record(data: Buffer): Promise<void> {
  const { reported } = await checkEventData("instance.state", data);
  status.take({ instanceId: id, data, reported });
}

async function listed() {
  const { listings } = await instances.list(account, { names: [`desk-${name}`], cursor: "" });
  return { status: listings[0]?.status, numberJid: listings[0]?.numberJid };
}

/** Before and after it is written. */
async function expectListed(expected: { status: string; numberJid?: string | undefined }): Promise<void> {
  const whole = { numberJid: undefined, ...expected };
  expect(await listed()).toEqual(whole);
  await status.close();
  expect(await listed()).toEqual(whole);
}

it("shows nothing of an instance that has told nothing", async () => {
  await expectListed({ status: "disconnected" });
});

it("shows the last state and the last number, whichever events they came in", async () => {
  await tell({ state: "qr_ready", jid: "1@s.whatsapp.net" });
  await tell({ state: "connected", jid });
  await tell({ state: "logged_out" });
  await expectListed({ status: "logged_out", numberJid: jid });
  await tell({ jid: "2@s.whatsapp.net", state: null });
  await expectListed({ status: "logged_out", numberJid: "2@s.whatsapp.net" });
});

it.each([
  ["no text", 42],
  ["null", null],
  ["empty", ""],
  ["longer than 128 characters", "5".repeat(129)],
  ["very long", "5".repeat(1_000_000)],
  ["a list", [jid]],
])("keeps the number when the next one is %s", async (_, wrong) => {
  await tell({ state: "connected", jid });
  await tell({ state: "connected", jid: wrong });
  await expectListed({ status: "connected", numberJid: jid });
});

it("reads a number with escapes, of exactly 128 characters", async () => {
  const longest = `${"é".repeat(127)}"`;
  await tell({ state: "connected", jid: longest });
  await expectListed({ status: "connected", numberJid: longest });
});

it("builds no objects of what else stands in the event", async () => {
  const many = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`key ${i}`, [i]]));
  const data = Buffer.from(JSON.stringify({ state: "connected", jid, many }));
  const parse = JSON.parse;
  const parsed: string[] = [];
  JSON.parse = (text: string) => {
    parsed.push(text);
    return parse(text);
  };
  try {
    await record(data);
  } finally {
    JSON.parse = parse;
  }
  expect(parsed).toEqual(['"connected"', JSON.stringify(jid)]);
});

it("shows a state that is written while the list is read", async () => {
  let rowsRead = (): void => {};
  const read = new Promise<void>((resolve) => {
    rowsRead = resolve;
  });
  const store: Store = {
    ...node.store,
    async setStates(states) {
      await read;
      return node.store.setStates(states);
    },
    async listInstances(...question) {
      const rows = await node.store.listInstances(...question);
      rowsRead();
      await status.close();
      return rows;
    },
  };
  status = createInstanceStatus({ store, logger: silent });
  instances = createInstances({ store, status, tokenLengthMin: 8 });
  await tell({ state: "connected" });
  expect(await listed()).toMatchObject({ status: "connected" });
});
