/** A configuration that a later release has stored, on a node of this one. */

import { expect, it, onTestFinished } from "vitest";
import { dataOf, openConsumer } from "../support/consumer.js";
import { query } from "../support/postgres.js";
import { startPublicServer } from "../support/public-server.js";

it("a filter that a later release stored takes nothing here, and is shown and kept as it is", async () => {
  const server = await startPublicServer();
  onTestFinished(server.close);
  await server.createInstance("desk", "token-of-desk", { enabled: true, events: ["call.update"] });
  const consumer = await openConsumer(server.url, "/ws/desk?token=token-of-desk");
  await query(server.database.url, "update websocket set events = array['poll.vote']");
  await query(server.database.url, "select pg_notify('eventwire', 'instance ' || instance_id) from websocket");
  // Changes are read in their order: when this one is answered, the one before is in force.
  await server.createInstance("other", "token-of-other");
  const shown = await server.call("GET", "/api/events/getWebsocket/desk");
  expect(JSON.parse(shown.text)).toMatchObject({ websocket: { enabled: true, events: ["poll.vote"] } });

  const publish = (event: string, n: number) => server.call("POST", "/api/events/publish/desk", { event, data: { n } });
  for (const event of ["call.update", "label.update", "message.exchange"])
    expect((await publish(event, 1)).status).toBe(200);
  await server.call("POST", "/api/events/websocket/desk", { enabled: true, events: ["label.update"] });
  await publish("label.update", 2);
  expect(dataOf(await consumer.next())).toEqual({ n: 2 });
});
