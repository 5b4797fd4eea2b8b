/** Two servers on one database: what one changes, the sockets of the other feel. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";

const shared = { ACCOUNT_TOKEN: "ta_of-two-nodes", ENCRYPTION_KEY: "5".repeat(64) };

let near: PublicServer;
let far: PublicServer;
beforeAll(async () => {
  near = await startPublicServer(shared);
  far = await startPublicServer(shared, async () => near.database.url);
});
afterAll(async () => {
  await far.close();
  await near.close();
});

function call(server: PublicServer, method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method,
    headers: { token: shared.ACCOUNT_TOKEN, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** Made at the far node. Connected at the near one as soon as it has heard of it. */
async function connect(instance: string): Promise<Consumer> {
  const body = { name: instance, token: `token-of-${instance}`, websocketEnabled: true };
  expect((await call(far, "POST", "/api/instance/new", body)).status).toBe(201);
  while ((await call(near, "GET", `/ws/${instance}`)).status !== 426);
  return openConsumer(near.url, `/ws/${instance}?token=token-of-${instance}`);
}

it("an edit of the filter at one is in force on open sockets of the other", async () => {
  const consumer = await connect("edited");
  await call(far, "POST", "/api/events/websocket/edited", { enabled: true, events: ["label.update"] });
  // The news is under way: once a pair of events arrives without its first one, it has come.
  for (let n = 0, seen = "call.update"; seen === "call.update"; n++) {
    for (const event of ["call.update", "label.update"]) {
      await call(near, "POST", "/api/events/publish/edited", { event, data: { n } });
    }
    const frame = await consumer.next();
    expect(dataOf(frame)).toEqual({ n });
    seen = JSON.parse(frame).event;
    if (seen === "call.update") expect(JSON.parse(await consumer.next()).event).toBe("label.update");
  }
});

it("a deletion at one closes the sockets of the other", async () => {
  const consumer = await connect("deleted");
  expect((await call(far, "DELETE", "/api/instance/delete/deleted")).status).toBe(200);
  expect(await consumer.closed).toEqual([4004, "instance deleted"]);
});

it("a replaced token ends the sockets of the other that were opened with it", async () => {
  const consumer = await connect("rotated");
  const { instances } = (await (await call(near, "GET", "/api/instance/list?instanceName=rotated")).json()) as {
    instances: { id: string }[];
  };
  await far.operate((store) => store.rotateInstanceToken(instances[0]?.id ?? ""));
  expect(await consumer.closed).toEqual([4001, "token revoked"]);
});
