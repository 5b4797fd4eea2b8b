/** One table of calls; every face of the server, REST included, gives each the same outcome. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../../gen/errors.js";
import { EventService } from "../../gen/eventwire/v1/event_service_pb.js";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { WebsocketService } from "../../gen/eventwire/v1/websocket_service_pb.js";
import type { Reason } from "../../src/domain/errors.js";
import { json, type Stage } from "../support/call-row.js";
import { callTable } from "../support/call-table.js";
import { startDatabaseProxy } from "../support/database-proxy.js";
import { createTestDatabase } from "../support/postgres.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { published } from "../support/published.js";
import { openRestFace } from "../support/rest-face.js";
import { type Face, openFace } from "../support/rpc-faces.js";

const { setWebsocket, getWebsocket } = WebsocketService.method;
const { createInstance, listInstances, deleteInstance } = InstanceService.method;
const { publishEvent } = EventService.method;

/** The faces of the public port, and gRPC with a client of another maker. */
const faces: Record<string, (server: PublicServer) => Face> = {
  REST: ({ url }) => openRestFace(url),
  "Connect JSON": ({ url }) => openFace("Connect JSON on HTTP/1.1", url),
  "Connect binary": ({ url }) => openFace("Connect binary on HTTP/1.1", url),
  "gRPC-Web": ({ url }) => openFace("gRPC-Web on HTTP/1.1", url),
  gRPC: ({ server }) => openFace("gRPC of grpc-js", server.grpcUrl),
};

/** As every face tells a reason. */
function failure(reason: Reason): object {
  const { code, message } = catalogue[reason];
  return { code: code.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase()), message, reason };
}

describe.each(Object.entries(faces))("%s", (_name, open) => {
  let server: PublicServer;
  let face: Face;
  let stage: Stage;
  beforeAll(async () => {
    server = await startPublicServer({ PUBLISH_MAX_BYTES: "16384" });
    face = open(server);
    stage = { desk: "desk", other: "other", deskToken: `token-of-desk`, account: server.accountToken };
    await server.createInstance(stage.desk, stage.deskToken);
    await server.createInstance(stage.other, "token-of-other");
  });
  afterAll(async () => {
    face.close();
    await server.close();
  });

  it.each(Object.entries(callTable))("%s", async (_, { call, outcome }) => {
    const got = await call(face, stage);
    expect(got.outcome).toEqual(typeof outcome === "string" ? failure(outcome) : { answer: outcome(stage) });
  });

  it("leaves no token in the log, at its most talkative level and before anything is redacted", () => {
    const log = server.log.join("");
    expect(log).not.toBe("");
    for (const token of [stage.account, stage.deskToken, "token-of-other"]) expect(log).not.toContain(token);
  });
});

it("the window of a token is the same on every face, and shared by all of them", async () => {
  const server = await startPublicServer({ RATE_LIMIT_GLOBAL: "6", RATE_LIMIT_CREATE: "0" });
  await server.createInstance("desk", "token-of-desk");
  const told: unknown[] = [];
  const resets = new Set<string | null>();
  // Five faces, then two of them once more: the seventh call is one too many.
  for (const open of [...Object.values(faces), ...Object.values(faces)].slice(0, 7)) {
    const face = open(server);
    const { outcome, metadata } = await face.call(getWebsocket, { instance: "desk" }, { token: "token-of-desk" });
    told.push([
      metadata.get("x-ratelimit-limit"),
      metadata.get("x-ratelimit-remaining"),
      "reason" in outcome && outcome.reason,
    ]);
    resets.add(metadata.get("x-ratelimit-reset"));
    face.close();
  }
  expect(told).toEqual([
    ...["5", "4", "3", "2", "1", "0"].map((remaining) => ["6", remaining, "WEBSOCKET_NOT_CONFIGURED"]),
    ["6", "0", "RATE_LIMITED"],
  ]);
  expect([...resets].map(Number)).toEqual([expect.any(Number)]);
  await server.close();
});

it("a database that is gone is told in the same words on every face, and comes back", async () => {
  const database = await createTestDatabase();
  const proxy = await startDatabaseProxy(database.url);
  const server = await startPublicServer({ DATABASE_URL: proxy.url });
  await server.createInstance("desk", "token-of-desk", { enabled: true });
  const account = { token: server.accountToken };
  const opened = Object.entries(faces).map(([name, open]) => [name, open(server)] as const);
  await proxy.cut();
  for (const [name, face] of opened) {
    const outcomes = await Promise.all([
      face.call(setWebsocket, { instance: "desk", enabled: false }, account),
      face.call(getWebsocket, { instance: "desk" }, { token: "token-of-desk" }),
      face.call(deleteInstance, { instance: "desk" }, account),
      face.call(createInstance, { name: "more" }, account),
      face.call(listInstances, {}, account),
      face.call(publishEvent, { instance: "desk", event: "call.update", payload: json("{}") }, account),
    ]);
    expect([name, ...outcomes.map(({ outcome }) => outcome)]).toEqual([
      name,
      failure("GET_INSTANCE_FAILED"),
      failure("GET_INSTANCE_FAILED"),
      failure("GET_INSTANCE_FAILED"),
      failure("CREATE_INSTANCE_FAILED"),
      failure("LIST_INSTANCES_FAILED"),
      { answer: published },
    ]);
  }
  await proxy.heal();
  await expect.poll(async () => (await fetch(`${server.url}/health`)).status, { timeout: 15_000 }).toBe(200);
  for (const [, face] of opened) {
    const { outcome } = await face.call(getWebsocket, { instance: "desk" }, account);
    expect(outcome).toMatchObject({ answer: { websocket: { enabled: true } } });
    face.close();
  }
  await server.close();
  await proxy.close();
  await database.drop();
});
