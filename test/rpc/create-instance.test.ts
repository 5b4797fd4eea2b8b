/** Creating an instance with its channel configuration in the same call. */

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { query } from "../support/postgres.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

let node: ServiceNode;
beforeAll(async () => {
  node = await startServiceNode({ accountInstanceQuota: 40 });
});
afterAll(() => node.close());

async function createWith(body: Record<string, unknown>): Promise<{ status: number; answer: Record<string, unknown> }> {
  const response = await fetch(`${node.url}/eventwire.v1.InstanceService/CreateInstance`, {
    method: "POST",
    headers: { "content-type": "application/json", token: node.token },
    body: JSON.stringify({ name: randomUUID(), ...body }),
  });
  return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
}

async function saved({ answer }: { answer: Record<string, unknown> }): Promise<unknown> {
  return node.store.getWebsocket((answer.instance as { id: string }).id);
}

const refuseRows = `
  create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
  create trigger refuse before insert or update on websocket for each row execute function refuse()`;

const disabled = { enabled: false, events: [], mediaBase64: false };

describe("an instance", () => {
  it("has no configuration when none of the three fields is given, whatever else clients send", async () => {
    const created = await createWith({ webhookUrl: "https://example.net", chatwoot: { enabled: true } });
    expect(created.status).toBe(200);
    expect(created.answer).not.toHaveProperty("websocket");
    expect(await saved(created)).toBeUndefined();
  });

  it("has the configuration that was given with it", async () => {
    const websocket = { enabled: true, events: ["call.update", "call.update"], mediaBase64: true };
    const created = await createWith({
      websocketEnabled: true,
      websocketEvents: websocket.events,
      websocketMediaBase64: true,
    });
    expect(created.answer.websocket).toEqual(websocket);
    expect(await saved(created)).toEqual(websocket);
  });

  it("takes null for the filter and the media as their defaults", async () => {
    const created = await createWith({ websocketEnabled: true, websocketEvents: null, websocketMediaBase64: null });
    expect(created.answer.websocket).toEqual({ enabled: true, events: [], mediaBase64: false });
  });

  it.each([
    ["an unknown event", { websocketEnabled: true, websocketEvents: ["message.unknown"] }],
    ["an event in another case", { websocketEnabled: true, websocketEvents: ["CALL.UPDATE"] }],
    ["no array of events", { websocketEnabled: true, websocketEvents: "call.update" }],
    ["a number among the events", { websocketEnabled: true, websocketEvents: [7] }],
    ["no boolean", { websocketEnabled: "true" }],
    ["null as `enabled`", { websocketEnabled: null }],
    ["no `enabled`", { websocketEvents: ["call.update"] }],
    ["a text for the media", { websocketEnabled: true, websocketMediaBase64: "yes" }],
    ["65 events", { websocketEnabled: true, websocketEvents: Array(65).fill("call.update") }],
    ["an object", { websocketEnabled: { a: { b: [] } } }],
  ])("exists with a disabled channel, and the log says why, when the block has %s", async (_, block) => {
    const before = node.log.length;
    const created = await createWith(block);
    expect(created.status).toBe(200);
    expect(created.answer).toMatchObject({ success: true, message: "Instance created", websocket: disabled });
    expect(await saved(created)).toEqual(disabled);
    const { id } = created.answer.instance as { id: string };
    expect(node.log.slice(before).filter((line) => line.instanceId === id)).toMatchObject([{ level: 40 }]);
  });

  it("exists with a disabled channel when the configuration cannot be saved", async () => {
    await query(node.database.url, refuseRows);
    try {
      const created = await createWith({ websocketEnabled: true });
      expect(created.status).toBe(200);
      expect(created.answer.websocket).toEqual(disabled);
      expect(await saved(created)).toBeUndefined();
      const { id } = created.answer.instance as { id: string };
      expect(node.log.filter((line) => line.instanceId === id)).toMatchObject([{ level: 40 }]);
    } finally {
      await query(node.database.url, "drop trigger refuse on websocket");
    }
  });

  it("is not created with a wrong type where the block does not matter", async () => {
    expect(await createWith({ name: 7 })).toMatchObject({
      status: 400,
      answer: { code: "invalid_argument", message: "Invalid request body" },
    });
  });

  it("is refused beyond the quota of the account", async () => {
    let refused: Awaited<ReturnType<typeof createWith>> | undefined;
    for (let created = 0; created <= 40 && refused === undefined; created++) {
      const answer = await createWith({});
      if (answer.status !== 200) refused = answer;
    }
    expect(refused).toMatchObject({
      status: 403,
      answer: { code: "permission_denied", message: "Account instance quota exceeded" },
    });
  });
});
