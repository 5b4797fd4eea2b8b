/** Two servers on one database: whatever one changes acts on the open sockets of the other. */

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Consumer, dataOf, openConsumer } from "../support/consumer.js";
import { type DatabaseProxy, startDatabaseProxy } from "../support/database-proxy.js";
import { type NatsServer, startNatsServer } from "../support/nats-server.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";

const noNats = await lacks("nats-server");
let nats: NatsServer;

/** Where everything is changed. */
let near: PublicServer;
/** Where the sockets are. */
let far: PublicServer;
/** Between the far one and the database. */
let proxy: DatabaseProxy;
beforeAll(async () => {
  if (noNats) return;
  nats = await startNatsServer();
  const shared = { ACCOUNT_TOKEN: "ta_of-two-nodes", ENCRYPTION_KEY: "5".repeat(64), NATS_URL: nats.url };
  near = await startPublicServer(shared);
  far = await startPublicServer(shared, async () => {
    proxy = await startDatabaseProxy(near.database.url);
    return proxy.url;
  });
});
afterAll(async () => {
  await far?.close();
  await proxy?.close();
  await near?.close();
  await nats?.close();
});

interface Channel {
  readonly id: string;
  readonly name: string;
  readonly accountId: string;
  readonly accountToken: string;
  readonly consumer: Consumer;
}

async function call(server: PublicServer, token: string, method: string, path: string, body?: object) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { token, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as { instance: { id: string } } };
}

/** An instance of an account of its own, made at the near node, with a socket at the far one. */
async function openChannel(name: string, socketToken: "account" | "instance"): Promise<Channel> {
  const { account, token } = await near.operate((store) => store.createAccount({ name }));
  const instance = { name, token: `token-of-${name}`, websocketEnabled: true, websocketEvents: bothTypes };
  let created: Awaited<ReturnType<typeof call>>;
  do created = await call(near, token, "POST", "/api/instance/new", instance);
  while (created.status === 401);
  expect(created.status).toBe(201);
  while ((await call(far, token, "GET", `/ws/${name}`)).status !== 426);
  const consumer = await openConsumer(
    far.url,
    `/ws/${name}?token=${socketToken === "account" ? token : instance.token}`,
  );
  return { id: created.body.instance.id, name, accountId: account.id, accountToken: token, consumer };
}

const bothTypes = ["call.update", "message.exchange"];

async function configure({ name, accountToken }: Channel, websocket: object): Promise<void> {
  const { status } = await call(near, accountToken, "POST", `/api/events/websocket/${name}`, websocket);
  expect(status).toBe(200);
}

/** Publishes one event of each type, and tells what has come: `true` in place of media that stands in the frame. */
async function publishBoth({ name, accountToken, consumer }: Channel, n: number): Promise<Record<string, unknown>> {
  const path = `/api/events/publish/${name}`;
  const media = { message: { media: {} } };
  for (const body of [
    { event: "message.exchange", data: { n, ...media }, media: "aGVsbG8=" },
    { event: "call.update", data: { n } },
  ])
    expect((await call(far, accountToken, "POST", path, body)).status).toBe(200);
  const come: Record<string, unknown> = {};
  do {
    const frame = await consumer.next();
    expect(dataOf(frame).n).toBe(n);
    come[JSON.parse(frame).event] = frame.includes("aGVsbG8=");
  } while (!("call.update" in come));
  return come;
}

/** Each edit leaves `call.update` in the filter, so that a pair of events is known to have been delivered. */
async function until(channel: Channel, come: Record<string, unknown>): Promise<void> {
  let n = 0;
  while (JSON.stringify(await publishBoth(channel, n)) !== JSON.stringify(come)) n++;
}

interface Kind {
  readonly socketToken: "account" | "instance";
  change(channel: Channel): Promise<unknown>;
  acts(channel: Channel): Promise<void>;
}

const kinds: Record<string, Kind> = {
  "an edited filter": {
    socketToken: "instance",
    change: (channel) => configure(channel, { enabled: true, events: ["call.update"] }),
    acts: (channel) => until(channel, { "call.update": false }),
  },
  "media in the frame": {
    socketToken: "instance",
    change: (channel) => configure(channel, { enabled: true, events: bothTypes, mediaBase64: true }),
    acts: (channel) => until(channel, { "message.exchange": true, "call.update": false }),
  },
  "a disabled channel": {
    socketToken: "instance",
    change: (channel) => configure(channel, { enabled: false }),
    async acts(channel) {
      const upgrade = () => call(far, channel.accountToken, "GET", `/ws/${channel.name}`);
      while ((await upgrade()).status === 426);
      expect((await upgrade()).body).toMatchObject({ error: { message: expect.stringContaining("not enabled") } });
      expect(await publishBoth(channel, 0)).toEqual({ "message.exchange": false, "call.update": false });
    },
  },
  "a deleted instance": {
    socketToken: "instance",
    change: ({ name, accountToken }) => call(near, accountToken, "DELETE", `/api/instance/delete/${name}`),
    async acts({ consumer }) {
      expect(await consumer.closed).toEqual([4004, "instance deleted"]);
    },
  },
  "a replaced token of an instance": {
    socketToken: "instance",
    change: ({ id }) => near.operate((store) => store.rotateInstanceToken(id)),
    async acts({ consumer }) {
      expect(await consumer.closed).toEqual([4001, "token revoked"]);
    },
  },
  "a revoked account": {
    socketToken: "account",
    change: ({ accountId }) => near.operate((store) => store.revokeAccount(accountId)),
    async acts({ consumer }) {
      expect(await consumer.closed).toEqual([4001, "token revoked"]);
    },
  },
  "a revoked account, and with it the tokens of its instances,": {
    socketToken: "instance",
    change: ({ accountId }) => near.operate((store) => store.revokeAccount(accountId)),
    async acts({ consumer }) {
      expect(await consumer.closed).toEqual([4001, "token revoked"]);
    },
  },
};

const nameOf = (kind: string, when: string) => `${kind} ${when}`.replaceAll(/[^a-z]+/g, "-");

it.skipIf(noNats).each(Object.entries(kinds))(
  "%s at one node acts on an open socket of the other",
  async (kind, tools) => {
    const channel = await openChannel(nameOf(kind, "at-once"), tools.socketToken);
    await tools.change(channel);
    await tools.acts(channel);
  },
);

describe("what was changed while the other node's connections to the database", () => {
  const troubles = ["were cut", "fell silent", "were silent for so long that attempts hang"];

  it.skipIf(noNats).each(troubles)("%s acts on its open sockets when the database is back", async (trouble) => {
    const channels: [Kind, Channel][] = [];
    for (const [kind, tools] of Object.entries(kinds))
      channels.push([tools, await openChannel(nameOf(kind, trouble), tools.socketToken)]);
    onTestFinished(() => proxy.heal());
    const told = far.log.length;
    if (trouble === "were cut") await proxy.cut();
    else proxy.silence();
    for (const [{ change }, channel] of channels) await change(channel);
    const hangs = () => far.log.slice(told).some((line) => line.includes('"reason":"timeout expired"'));
    if (trouble.endsWith("hang")) await expect.poll(hangs, { timeout: 20_000 }).toBe(true);
    await proxy.heal();
    for (const [{ acts }, channel] of channels) await acts(channel);
    // Not only that once: news are heard again.
    const channel = await openChannel(nameOf("afterwards", trouble), "instance");
    await kinds["an edited filter"]?.change(channel);
    await kinds["an edited filter"]?.acts(channel);
  });
});
