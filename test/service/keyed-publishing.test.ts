/** What becomes of an idempotency key when its event cannot be published after all. */

import { afterAll, beforeAll, expect, it } from "vitest";
import type { Bus } from "../../src/bus/bus.js";
import type { Entry } from "../../src/directory/directory.js";
import { AppError } from "../../src/domain/errors.js";
import { createKeyedPublishing } from "../../src/service/keyed-publishing.js";
import { type BusOutage, createPublishing } from "../../src/service/publishing.js";
import { createIdempotencyKeys } from "../../src/store/postgres/idempotency-keys.js";
import { noOutbox, type ServiceNode, startServiceNode } from "../support/service-node.js";
import { silent } from "../support/store.js";

let node: ServiceNode;
let desk: Entry;
let keys: ReturnType<typeof createIdempotencyKeys>;
beforeAll(async () => {
  node = await startServiceNode();
  const { accountId, name } = await node.createInstance("desk");
  desk = node.directory.instance(accountId, name) as Entry;
  keys = createIdempotencyKeys({ url: node.database.url, logger: silent, isSession: () => true });
});
afterAll(async () => {
  await keys.close();
  await node.close();
});

/** Publishes over the bus of the node, of which `how` changes a part. */
function keyedOn(how: Partial<Bus>, busOutage: BusOutage = "accept") {
  const bus = { ...node.bus, ...how };
  const { directory } = node;
  const options = { directory, bus, sinks: [], outbox: noOutbox, publishMaxBytes: 1_000, busOutage, takers: () => 0 };
  return createKeyedPublishing({ publishing: createPublishing(options), keys });
}

const input = { event: "call.update", data: Buffer.from("{}") };
async function publish(keyed: ReturnType<typeof keyedOn>, key: string) {
  const held = await keyed.hold(desk, input, key);
  return held.publish();
}

it("is free again when the caller gives the event up", async () => {
  const held = await keyedOn({}).hold(desk, input, "given-up");
  held.giveUp();
  const answer = await publish(keyedOn({}), "given-up");
  const later = await keyedOn({}).hold(desk, input, "given-up");
  later.giveUp();
  expect(await publish(keyedOn({}), "given-up")).toEqual(answer);
});

it.each<[string, Partial<Bus>]>([
  ["is away already", { trouble: () => "away" as never }],
  [
    "finds the event too large",
    {
      publish() {
        throw new AppError("EVENT_TOO_LARGE_FOR_BUS");
      },
    },
  ],
])("is free again when the bus %s", async (name, how) => {
  await expect(publish(keyedOn(how, "refuse"), name.replaceAll(" ", "-"))).rejects.toThrow(AppError);
  expect(await publish(keyedOn({}), name.replaceAll(" ", "-"))).toMatchObject({ otherNodesReached: true });
});

it("keeps an unknown outcome when the bus goes away in the middle of the call, and such calls are refused", async () => {
  const keyed = keyedOn({ flush: async () => false }, "refuse");
  await expect(publish(keyed, "half-way")).rejects.toMatchObject({ reason: "BUS_UNREACHABLE" });
  await expect(publish(keyedOn({}), "half-way")).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
});

it("keeps the answer that other nodes were not reached, and tells it again", async () => {
  const first = await publish(keyedOn({ flush: async () => false }), "alone");
  expect(first).toMatchObject({ otherNodesReached: false });
  const keyed = keyedOn({});
  expect(await publish(keyed, "alone")).toEqual(first);
  expect([...keyed.outcomes]).toEqual([["repeated", 1]]);
});
