/** A server whose settings switch the history off: consumers of `eventwire.v1` get events without positions, and are told why they cannot go on. */

import { afterAll, beforeAll, expect, it } from "vitest";
import { keepsHistory } from "../../src/open-history.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { published } from "../support/published.js";
import { scrape } from "../support/scrape.js";
import { openV1 } from "../support/v1-consumer.js";

let server: PublicServer;
const path = "/ws/desk?token=token-of-desk";

beforeAll(async () => {
  server = await startPublicServer({ HISTORY_SECONDS: "0" });
  await server.createInstance("desk", "token-of-desk", { enabled: true });
});
afterAll(() => server.close());

it("gives no position, in a frame or in the answer to a publish", async () => {
  const consumer = await openV1(server.url, path);
  expect(await consumer.frame()).toMatchObject({ history: null, position: null, resumed: null });
  const { text } = await server.call("POST", "/api/events/publish/desk", { event: "call.update", data: {} });
  expect(JSON.parse(text)).toEqual(published);
  expect(await consumer.frame()).not.toHaveProperty("position");
});

it("says that no history is kept to a consumer that wants to go on, with a gap", async () => {
  const consumer = await openV1(server.url, `${path}&after=k3f9.1042.mrd0w1h7`);
  expect(await consumer.frame()).toMatchObject({ resumed: false, resumeRefusal: "no history is kept", replayed: 0 });
  expect(await consumer.frame()).toMatchObject({ control: "gap", reason: "history_expired" });
  const metrics = ['eventwire_resumes_total{outcome="off"}', "eventwire_history_available"];
  expect(await scrape(server.server.grpcUrl, ...metrics)).toEqual([1, 1]);
});

it.each(["historySeconds", "historyEvents", "historyBytes"])("is switched off by 0 for %s alone", (setting) => {
  const settings = { historySeconds: 60, historyEvents: 1_024, historyBytes: 2 ** 26 };
  expect(keepsHistory(settings as never)).toBe(true);
  expect(keepsHistory({ ...settings, [setting]: 0 } as never)).toBe(false);
});
