/** What callers and the log are told when the database does not do its part. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { HealthService } from "../../gen/eventwire/v1/health_service_pb.js";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { query } from "../support/postgres.js";
import { type Face, openFace } from "../support/rpc-faces.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const { setWebsocket, getWebsocket } = WebsocketService.method;
const { createInstance, listInstances, deleteInstance } = InstanceService.method;

let node: ServiceNode;
let face: Face;
let account: { token: string };
beforeAll(async () => {
  node = await startServiceNode();
  face = openFace("gRPC", node.url);
  account = { token: node.token };
  await face.call(createInstance, { name: "desk" }, account);
});
afterAll(async () => {
  face.close();
  await node.close();
});

function internal(reason: string, message: string) {
  return { code: "Internal", message, reason };
}

async function without(table: string, run: () => Promise<void>): Promise<void> {
  await query(node.database.url, `alter table ${table} rename to elsewhere`);
  try {
    await run();
  } finally {
    await query(node.database.url, `alter table elsewhere rename to ${table}`);
  }
}

describe("a failing database", () => {
  it("has a name of its own for the channel", async () => {
    await without("websocket", async () => {
      expect((await face.call(setWebsocket, { instance: "desk", enabled: true }, account)).outcome).toEqual(
        internal("SET_WEBSOCKET_FAILED", "Failed to update websocket configuration"),
      );
      expect((await face.call(getWebsocket, { instance: "desk" }, account)).outcome).toEqual(
        internal("GET_WEBSOCKET_FAILED", "Failed to get websocket configuration"),
      );
    });
  });

  it("has a name of its own for instances", async () => {
    await without("instance", async () => {
      expect((await face.call(getWebsocket, { instance: "desk" }, account)).outcome).toEqual(
        internal("GET_INSTANCE_FAILED", "Failed to get instance"),
      );
      expect((await face.call(deleteInstance, { instance: "desk" }, account)).outcome).toEqual(
        internal("GET_INSTANCE_FAILED", "Failed to get instance"),
      );
      expect((await face.call(createInstance, { name: "more" }, account)).outcome).toEqual(
        internal("CREATE_INSTANCE_FAILED", "Failed to create instance"),
      );
      expect((await face.call(listInstances, {}, account)).outcome).toEqual(
        internal("LIST_INSTANCES_FAILED", "Failed to list instances"),
      );
    });
  });

  it("is logged once per call, with its cause and without a token", async () => {
    const before = node.log.length;
    await without("websocket", async () => {
      await face.call(getWebsocket, { instance: "desk" }, account);
    });
    const [instance] = await node.store.listInstances(node.directory.principal(node.token)?.accountId ?? "");
    const lines = node.log.slice(before).filter((line) => line.level === 50);
    expect(lines).toMatchObject([
      {
        reason: "GET_WEBSOCKET_FAILED",
        method: "eventwire.v1.WebsocketService/GetWebsocket",
        instanceId: instance?.instance.id,
        err: { message: expect.stringContaining("websocket") },
      },
    ]);
    expect(JSON.stringify(node.log)).not.toContain(node.token);
    expect(JSON.stringify(node.log)).not.toContain(instance?.instance.token);
  });

  it("does not log what callers do wrong", async () => {
    const before = node.log.length;
    await face.call(getWebsocket, { instance: "unknown" }, account);
    await face.call(setWebsocket, { instance: "desk" }, account);
    await face.call(createInstance, {}, {});
    expect(node.log.slice(before)).toEqual([]);
  });

  it("does not keep events from being published", async () => {
    await without("instance", async () => {
      const payload = { case: "dataJson" as const, value: Buffer.from("{}") };
      const request = { instance: "desk", event: "call.update", payload };
      expect((await face.call(EventService.method.publishEvent, request, account)).outcome).toHaveProperty("answer");
    });
  });

  it("degrades the health once it is gone altogether", async () => {
    await node.database.drop();
    expect((await face.call(HealthService.method.checkHealth, {})).outcome).toMatchObject({
      answer: { status: "degraded", checks: { db: expect.stringMatching(/^(unreachable|starting)$/) } },
    });
    expect((await face.call(getWebsocket, { instance: "desk" }, account)).outcome).toEqual(
      internal("GET_INSTANCE_FAILED", "Failed to get instance"),
    );
  });
});
