/** What the client asks on an open connection: narrowings and pings, against a foreign server. */

import { expect, it, onTestFinished } from "vitest";
import type { Connection } from "../../src/client/browser.js";
import { connect } from "../../src/client/node/connect.js";
import { helloFrame, startForeignGateway, time } from "../support/foreign-gateway.js";

const pong = { control: "pong", time };

function narrowed(...events: readonly string[]): object {
  return { control: "narrowed", filter: { events, mediaBase64: false } };
}

async function openPair() {
  const gateway = await startForeignGateway();
  const connection: Connection = connect({ url: gateway.url, instance: "desk-1", token: "ti_secret" });
  onTestFinished(() => connection.close());
  const link = await gateway.link();
  link.send(helloFrame());
  await connection.opened;
  return { gateway, connection, link };
}

it("narrows, and resolves with the filter in force", async () => {
  const { connection, link } = await openPair();
  const answer = connection.narrow(["call.update"]);
  expect(await link.message()).toEqual({ control: "narrow", events: ["call.update"] });
  link.send(narrowed("call.update"));
  expect(await answer).toEqual({ events: ["call.update"], mediaBase64: false });
});

it("has one narrowing under way, and of those that wait sends the last", async () => {
  const { connection, link } = await openPair();
  const answers = [["call.update"], ["group.flow"], ["label.update"]].map((events) => connection.narrow(events));
  expect(await link.message()).toEqual({ control: "narrow", events: ["call.update"] });
  link.send(narrowed("call.update"));
  expect(await link.message()).toEqual({ control: "narrow", events: ["label.update"] });
  link.send(narrowed("label.update"));
  expect((await Promise.all(answers)).map(({ events }) => events)).toEqual([
    ["call.update"],
    ["label.update"],
    ["label.update"],
  ]);
});

it("rejects a narrowing that the gateway does not understand, and keeps the one before", async () => {
  const { gateway, connection, link } = await openPair();
  const answer = connection.narrow(["nonsense"]);
  await link.message();
  link.send({ control: "error", message: "events[0] must be an event type" });
  await expect(answer).rejects.toThrow("The gateway did not narrow: events[0] must be an event type.");
  link.socket.terminate();
  expect((await gateway.link()).query.get("events")).toBeNull();
});

it("begins its next connection with a narrowing that was lost or asked for meanwhile", async () => {
  const { gateway, connection, link } = await openPair();
  const lost = connection.narrow(["call.update"]);
  await link.message();
  link.socket.terminate();
  await expect.poll(() => connection.state).not.toBe("open");
  const meanwhile = connection.narrow(["label.update"]);
  const next = await gateway.link();
  expect(next.query.get("events")).toBe("label.update");
  const filter = { events: ["label.update"], mediaBase64: true };
  next.send(helloFrame({ filter }));
  expect(await Promise.all([lost, meanwhile])).toEqual([filter, filter]);
  next.socket.terminate();
  expect((await gateway.link()).query.get("events")).toBe("label.update");
});

it("pings, and shares the pong with who asks meanwhile", async () => {
  const { connection, link } = await openPair();
  const answers = [connection.ping(), connection.ping()];
  expect(await link.message()).toEqual({ control: "ping" });
  link.send(pong);
  expect(await Promise.all(answers)).toEqual([pong, pong]);
  const third = connection.ping();
  expect(await link.message()).toEqual({ control: "ping" });
  link.socket.close(4010);
  await expect(third).rejects.toThrow("The connection ended with 4010");
  await expect(connection.ping()).rejects.toThrow("not open");
});

it("understands no more than 64 types", async () => {
  const { connection } = await openPair();
  await expect(async () => connection.narrow(Array(65).fill("call.update"))).rejects.toThrow("At most 64");
});
