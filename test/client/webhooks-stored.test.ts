/** The publisher and the command `publish` say when webhooks do not get an event. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { publishOverRest } from "../../src/client/node/publish-over-rest.js";
import { createPublisher } from "../../src/client/node/publisher.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { startProgram } from "../support/program.js";
import type { PublicServer } from "../support/public-server.js";
import { startReceiver } from "../support/receiver.js";
import { hookedInstance, startWebhookServer } from "../support/webhook-server.js";

let server: PublicServer;
let proxy: DatabaseProxy;
beforeAll(async () => {
  server = await startWebhookServer({ WEBHOOK_OUTAGE: "accept" }, async (url) => {
    proxy = await startDatabaseProxy(url);
    return proxy.url;
  });
});
afterAll(async () => {
  await proxy?.heal();
  await server?.close();
  await proxy?.close();
});

it("webhooksStored is false while the database is away and WEBHOOK_OUTAGE is accept, and absent otherwise", async () => {
  const receiver = await startReceiver();
  const name = await hookedInstance(server, receiver.origin, { events: ["call.update"] });
  const publisher = createPublisher({ url: server.server.grpcUrl, token: server.accountToken });
  const publication = { url: server.url, token: server.accountToken, instance: name, type: "call.update" };
  const stream = (type = "call.update") => publisher.publish(name, type, {});
  const rest = () => publishOverRest({ ...publication, dataJson: "{}" });
  for (const published of [await stream(), await rest()]) expect(published).not.toHaveProperty("webhooksStored");
  await proxy.cut();
  for (const published of [await stream(), await rest()])
    expect(published).toMatchObject({ id: expect.any(String), otherNodesReached: true, webhooksStored: false });
  const env = { EVENTWIRE_URL: server.url, EVENTWIRE_TOKEN: server.accountToken };
  const command = startProgram(["publish", name, "call.update", "{}"], env);
  expect(await command.ended).toBe(0);
  expect(command.stderr).toBe(
    "eventwire: webhooks do not get 1 event, because the database of the gateway was away.\n",
  );
  expect(await stream("label.update")).not.toHaveProperty("webhooksStored");
  await publisher.close();
});
