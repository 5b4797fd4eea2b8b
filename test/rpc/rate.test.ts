/** Rate limits as callers of the RPC faces meet them. */

import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { Bucket } from "../../gen/eventwire/v1/policy_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";
import { type Face, faceNames, openFace } from "../support/rpc-faces.js";
import { type ServiceNode, startServiceNode } from "../support/service-node.js";

const { listInstances, createInstance } = InstanceService.method;
const rateLimited = {
  code: "ResourceExhausted",
  message: "Rate limit exceeded. Try again later.",
  reason: "RATE_LIMITED",
};

let node: ServiceNode;
beforeAll(async () => {
  node = await startServiceNode({ limits: { global: 3, create: 2 } });
});
afterAll(() => node.close());

/** An account with whole windows. */
async function newAccount(): Promise<{ token: string }> {
  return { token: (await node.store.createAccount({ name: "new" })).token };
}

function rateOf(metadata: Headers): (string | null)[] {
  return [metadata.get("x-ratelimit-limit"), metadata.get("x-ratelimit-remaining")];
}

describe.each(faceNames)("%s", (faceName) => {
  let face: Face;
  beforeAll(() => {
    face = openFace(faceName, node.url);
  });
  afterAll(() => face.close());

  it("tells the window with every answer, errors included, and refuses beyond it", async () => {
    const account = await newAccount();
    const first = await face.call(listInstances, {}, account);
    expect(rateOf(first.metadata)).toEqual(["3", "2"]);
    expect(first.metadata.get("x-ratelimit-reset")).toMatch(/^\d{10}$/);
    const second = await face.call(WebsocketService.method.getWebsocket, { instance: "unknown" }, account);
    expect(second.outcome).toMatchObject({ reason: "INSTANCE_NOT_FOUND" });
    expect(rateOf(second.metadata)).toEqual(["3", "1"]);
    const third = await face.call(WebsocketService.method.setWebsocket, { instance: "unknown" }, account);
    expect(rateOf(third.metadata)).toEqual(["3", "0"]);
    for (let more = 0; more < 3; more++) {
      const { outcome, metadata } = await face.call(listInstances, {}, account);
      expect(outcome).toEqual(rateLimited);
      expect(rateOf(metadata)).toEqual(["3", "0"]);
      expect(metadata.get("x-ratelimit-reset")).toBe(first.metadata.get("x-ratelimit-reset"));
    }
  });

  it("counts creation apart from the rest", async () => {
    const account = await newAccount();
    const first = await face.call(createInstance, { name: randomUUID() }, account);
    expect(rateOf(first.metadata)).toEqual(["2", "1"]);
    await face.call(createInstance, { name: randomUUID() }, account);
    expect((await face.call(createInstance, { name: randomUUID() }, account)).outcome).toEqual(rateLimited);
    expect((await face.call(listInstances, {}, account)).outcome).toHaveProperty("answer");
  });

  it("does not count publishing while its limit is off", async () => {
    const account = await newAccount();
    for (let call = 0; call < 5; call++) {
      const { metadata } = await face.call(EventService.method.publishEvent, { instance: "unknown" }, account);
      expect(rateOf(metadata)).toEqual([null, null]);
    }
  });
});

describe("a caller without a valid token", () => {
  let strangers: ServiceNode;
  let face: Face;
  beforeEach(async () => {
    strangers = await startServiceNode({ limits: { global: 3, create: 2 } });
    face = openFace("gRPC of grpc-js", strangers.url);
  });
  afterEach(async () => {
    face.close();
    await strangers.close();
  });

  it("is counted by its address, apart from those with a token", async () => {
    const guess = await face.call(createInstance, {}, { token: "nobody's" });
    expect(guess.outcome).toMatchObject({ reason: "INVALID_TOKEN" });
    expect(rateOf(guess.metadata)).toEqual(["2", "1"]);
    await face.call(createInstance, {}, { token: "nobody's either" });
    expect((await face.call(createInstance, {}, {})).outcome).toEqual(rateLimited);
    const { outcome } = await face.call(createInstance, { name: "desk" }, { token: strangers.token });
    expect(outcome).toHaveProperty("answer");
  });

  it("is counted where publishing is not", async () => {
    for (let call = 0; call < 3; call++) {
      const { outcome } = await face.call(EventService.method.publishEvent, {}, { token: `guess ${call}` });
      expect(outcome).toMatchObject({ reason: "INVALID_TOKEN" });
    }
    expect((await face.call(EventService.method.publishEvent, {}, {})).outcome).toEqual(rateLimited);
  });

  it("has the same windows at the upgrade, and a text of its own for a missing token", async () => {
    const admit = (token?: string) =>
      strangers.api.admitUpgrade(Bucket.GLOBAL, { token, remoteAddress: "203.0.113.9" });
    expect(await admit(strangers.token)).toMatchObject({
      principal: { kind: "account" },
      rate: { limit: 3, remaining: 2 },
      refusal: undefined,
    });
    expect(await admit()).toMatchObject({
      principal: undefined,
      rate: { remaining: 2 },
      refusal: {
        reason: "MISSING_TOKEN",
        message: "Missing token in header, Authorization header, or query parameter",
      },
    });
    expect((await admit("nobody's")).refusal?.reason).toBe("INVALID_TOKEN");
    await admit("nobody's");
    expect((await admit("nobody's")).refusal?.reason).toBe("RATE_LIMITED");
    expect((await admit(strangers.token)).refusal).toBeUndefined();
  });
});
