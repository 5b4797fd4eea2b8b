/** The list of instances on the public port: its pages, its length, its bytes. */

import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InstanceService } from "../../gen/eventwire/v1/instance_service_pb.js";
import { createSealer } from "../../src/store/encryption/sealing.js";
import { makeManyInstances } from "../support/many-instances.js";
import { query } from "../support/postgres.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";

const key = Buffer.alloc(32, 7);
/** More than one answer is made of at once, and no multiple of a slice. */
const count = 2_617;
let server: PublicServer;

beforeAll(async () => {
  server = await startPublicServer({ ENCRYPTION_KEY: key.toString("hex") });
  const { rows } = await query(server.database.url, "select id from account");
  await makeManyInstances(server.database.url, { accountId: rows[0].id, count, sealer: createSealer(key) });
});
afterAll(() => server?.close());

interface List {
  message: string;
  instances: { name: string }[];
  nextCursor?: string;
  meta?: { total: number };
}

async function list(parameters: Record<string, string> | [string, string][] = {}, token = server.accountToken) {
  const response = await fetch(`${server.url}/api/instance/list?${new URLSearchParams(parameters)}`, {
    headers: { token },
  });
  const text = await response.text();
  return { status: response.status, text, list: JSON.parse(text) as List };
}

const namesOf = ({ list: { instances } }: { list: List }) => instances.map(({ name }) => name);
const names = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `desk-${from + i}`);

describe("without a limit", () => {
  it("has every instance once, oldest first, in the bytes of one text", async () => {
    const answer = await list();
    expect(answer.list.message).toBe(`${count} Instances found`);
    expect(namesOf(answer)).toEqual(names(1, count));
    expect(Object.keys(answer.list)).toEqual(["success", "message", "instances"]);
    expect(answer.text).toBe(JSON.stringify(answer.list));
  });

  it("is the same for many who ask at once", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => list()));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  it("ends when its reader goes away, and keeps no connection of the database", async () => {
    for (let i = 0; i < 20; i++) {
      const leaving = new AbortController();
      const answer = await fetch(`${server.url}/api/instance/list`, {
        headers: { token: server.accountToken },
        signal: leaving.signal,
      });
      await answer.body?.getReader().read();
      leaving.abort();
    }
    expect((await list({ limit: "1" })).status).toBe(200);
  });

  it.each(["Connect", "gRPC"])("is refused over %s, with the field that helps", async (protocol) => {
    const transport =
      protocol === "gRPC"
        ? createGrpcTransport({ baseUrl: server.server.grpcUrl })
        : createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" });
    const client = createClient(InstanceService, transport);
    const headers = { token: server.accountToken };
    await expect(client.listInstances({}, { headers })).rejects.toMatchObject({ rawMessage: "Invalid request body" });
    const page = await client.listInstances({ limit: 1_000 }, { headers });
    expect(page.instances).toHaveLength(1_000);
    expect(page.meta?.total).toBe(count);
    const next = await client.listInstances({ limit: 1_000, cursor: page.nextCursor ?? "" }, { headers });
    expect(next.instances[0]?.name).toBe("desk-1001");
  });
});

describe("page by page", () => {
  it.each(["1000", "999", "872"])("of %s comes to the same instances", async (limit) => {
    const found: string[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const page = await list({ limit, cursor });
      expect(page.list).toMatchObject({ message: `${count} Instances found`, meta: { total: count } });
      expect(page.text).toBe(JSON.stringify(page.list));
      found.push(...namesOf(page));
      cursor = page.list.nextCursor;
    }
    expect(found).toEqual(names(1, count));
  });

  it("goes on where it was, when instances of earlier pages are gone and others have come", async () => {
    await server.createInstance("gone-1", "token-of-gone-1");
    await server.createInstance("gone-2", "token-of-gone-2");
    await server.createInstance("last", "token-of-last");
    const instanceName = "desk-2617,gone-1,gone-2,last,later";
    const page = await list({ limit: "2", instanceName });
    expect(namesOf(page)).toEqual(["desk-2617", "gone-1"]);
    expect(page.list.meta).toEqual({ total: 4 });
    for (const name of ["gone-1", "gone-2"]) await server.call("DELETE", `/api/instance/delete/${name}`);
    await server.createInstance("later", "token-of-later");
    const next = await list({ limit: "2", instanceName, cursor: page.list.nextCursor ?? "" });
    expect(namesOf(next)).toEqual(["last", "later"]);
    expect(next.list.message).toBe("3 Instances found");
    for (const name of ["last", "later"]) await server.call("DELETE", `/api/instance/delete/${name}`);
  });

  it("has no cursor where nothing follows", async () => {
    const page = await list({ limit: "2", instanceName: "desk-7,desk-8" });
    expect(namesOf(page)).toEqual(["desk-7", "desk-8"]);
    expect(page.list).not.toHaveProperty("nextCursor");
  });

  it("shows an instance itself alone", async () => {
    await server.createInstance("own", "token-of-own");
    const own = await list({ limit: "1" }, "token-of-own");
    await server.call("DELETE", "/api/instance/delete/own");
    expect(own.list).toMatchObject({ message: "1 Instance found", instances: [{ name: "own" }], meta: { total: 1 } });
    expect(own.list).not.toHaveProperty("nextCursor");
  });

  it.each([
    { limit: "0" },
    { limit: "1001" },
    { limit: "-1" },
    { limit: "ten" },
    { limit: "1.5" },
    { limit: "" },
    { cursor: "nonsense" },
    { limit: "1", cursor: Buffer.from("1.2; drop table").toString("base64url") },
    { limit: "1", cursor: `${Buffer.from("1.2").toString("base64url")}=` },
  ])("refuses %j", async (parameters) => {
    const { status, text } = await list(parameters);
    expect([status, text]).toEqual([400, '{"success":false,"error":{"message":"Invalid request body"}}']);
  });
});

describe("by names", () => {
  it("takes the parameter as often as it is given, and splits what is no name", async () => {
    await server.createInstance("Müller, Köln", "token-of-mueller");
    const asked = async (...values: string[]) =>
      namesOf(await list(values.map((value): [string, string] => ["instanceName", value])));
    expect(await asked("Müller, Köln")).toEqual(["Müller, Köln"]);
    expect(await asked("desk-2,desk-1", "Müller, Köln", "desk-1")).toEqual(["desk-1", "desk-2", "Müller, Köln"]);
    expect(await asked("desk-3", "")).toEqual(["desk-3"]);
    expect(await asked("", ",")).toHaveLength(count + 1);
    expect(await asked("Köln, desk-4", "Müller")).toEqual(["desk-4"]);
    await server.call("DELETE", `/api/instance/delete/${encodeURIComponent("Müller, Köln")}`);
  });

  it("is a 404 only for one single name", async () => {
    expect((await list({ instanceName: "nobody" })).status).toBe(404);
    expect((await list({ instanceName: "nobody,no one" })).list.instances).toEqual([]);
  });
});

it("shows a disabled channel before it is configured, and the number that the instance told", async () => {
  await server.createInstance("new", "token-of-new");
  const shown = async () => (await list({}, "token-of-new")).text.replace(/[0-9a-f-]{36}/, "(id)");
  const text = (status: string, connection: string) =>
    `{"success":true,"message":"1 Instance found","instances":[{"id":"(id)","name":"new","token":"token-of-new","status":"${status}","connection":${connection},"websocket":{"enabled":false,"events":[],"mediaBase64":false}}]}`;
  expect(await shown()).toBe(text("disconnected", '{"state":"disconnected"}'));
  const publish = (data: object) => server.call("POST", "/api/events/publish/new", { event: "instance.state", data });
  await publish({ state: "connected", jid: "5521970001122@s.whatsapp.net" });
  expect(await shown()).toBe(text("connected", '{"state":"connected","numberJid":"5521970001122@s.whatsapp.net"}'));
  await publish({ state: "logged_out" });
  expect(await shown()).toBe(text("logged_out", '{"state":"logged_out","numberJid":"5521970001122@s.whatsapp.net"}'));
});
