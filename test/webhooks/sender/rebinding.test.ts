/** The address that was checked is the address that is connected to, for each connection anew. */

import { expect, it } from "vitest";
import { startNameServer } from "../../support/name-server.js";
import { startReceiver } from "../../support/receiver.js";
import { message, openSender, target } from "../../support/webhook-sending.js";

/** Stands for a public address: the only one that is allowed here. */
const allowPrivate = ["127.0.0.2/32"];

/** Two receivers on one port: at the allowed address, and at the loopback address that an attacker wants to reach. */
async function startPair(keepAlive = false) {
  const headers = keepAlive ? {} : { connection: "close" };
  const secret = await startReceiver();
  const allowed = await startReceiver((answer) => answer.writeHead(204, headers).end(), {
    host: "127.0.0.2",
    port: secret.port,
  });
  return { allowed, secret, url: `http://hook.test:${allowed.port}/` };
}

it("refuses a name that leads to a public address first, and to loopback then", async () => {
  const { allowed, secret, url } = await startPair();
  let now = "127.0.0.2";
  const names = await startNameServer(() => [now]);
  const sender = openSender({ allowPrivate, nameServers: [names.address] });
  const hook = target(url);
  expect((await sender.send(hook, message())).outcome).toBe("delivered");
  now = "127.0.0.1";
  expect((await sender.send(hook, message({ attempt: 2 }))).cause).toBe("address_refused");
  now = "127.0.0.2";
  expect((await sender.send(hook, message({ attempt: 3 }))).outcome).toBe("delivered");
  expect([allowed.requests.length, secret.connections]).toEqual([2, 0]);
});

it("asks for a name once for a connection, so a name server that changes its answer with each question gains nothing", async () => {
  const { allowed, secret, url } = await startPair();
  let asked = 0;
  const names = await startNameServer(() => (asked++ < 2 ? ["127.0.0.2"] : ["127.0.0.1"]));
  const sender = openSender({ allowPrivate, nameServers: [names.address] });
  expect((await sender.send(target(url), message())).outcome).toBe("delivered");
  expect(names.questions.toSorted()).toEqual(["A hook.test", "AAAA hook.test"]);
  expect([allowed.requests.length, secret.connections]).toEqual([1, 0]);
});

it.each([
  ["loopback first", ["127.0.0.1", "127.0.0.2"]],
  ["loopback last", ["127.0.0.2", "127.0.0.1", "::1"]],
])("connects only to the allowed one of several addresses: %s", async (_, addresses) => {
  const { allowed, secret, url } = await startPair();
  const names = await startNameServer(() => addresses);
  const sender = openSender({ allowPrivate, nameServers: [names.address] });
  expect((await sender.send(target(url), message())).outcome).toBe("delivered");
  expect([allowed.requests.length, secret.connections]).toEqual([1, 0]);
});

it("does not turn to the forbidden address when nobody listens at the allowed one", async () => {
  const secret = await startReceiver();
  const names = await startNameServer(() => ["127.0.0.2", "127.0.0.1"]);
  const sender = openSender({ allowPrivate, nameServers: [names.address] });
  expect((await sender.send(target(`http://hook.test:${secret.port}/`), message())).cause).toBe("connection_failed");
  expect(secret.connections).toBe(0);
});

it("stays on a connection that was checked, whatever the name leads to meanwhile", async () => {
  const { allowed, secret, url } = await startPair(true);
  let now = "127.0.0.2";
  const names = await startNameServer(() => [now]);
  const sender = openSender({ allowPrivate, nameServers: [names.address] });
  const hook = target(url);
  await sender.send(hook, message());
  now = "127.0.0.1";
  expect((await sender.send(hook, message())).outcome).toBe("delivered");
  expect([allowed.connections, allowed.requests.length, secret.connections]).toEqual([1, 2, 0]);
});

it("does not follow a redirect to a forbidden address, nor any other", async () => {
  const secret = await startReceiver();
  const receiver = await startReceiver((answer) => answer.writeHead(307, { location: `${secret.origin}/` }).end());
  const { outcome, cause, status } = await openSender().send(target(`${receiver.origin}/`), message());
  expect({ outcome, cause, status }).toEqual({ outcome: "retry", cause: "status_3xx", status: 307 });
  expect(secret.connections).toBe(0);
});

it("takes a name of the machine's hosts file from there", async () => {
  const receiver = await startReceiver();
  const names = await startNameServer(() => []);
  const sender = openSender({ nameServers: [names.address] });
  expect((await sender.send(target(`http://localhost:${receiver.port}/`), message())).outcome).toBe("delivered");
  expect(names.questions).toEqual([]);
});

it("sends to other names while the name servers of many names hang", async () => {
  const receiver = await startReceiver();
  const names = await startNameServer((name) => (name.startsWith("hangs") ? "silent" : ["127.0.0.1"]));
  const sender = openSender({ nameServers: [names.address] });
  const stop = new AbortController();
  const hanging = Array.from({ length: 20 }, (_, number) =>
    sender.send(target(`http://hangs${number}.test:8080/`, { timeoutSeconds: 30 }), message(), stop.signal),
  );
  expect((await sender.send(target(`http://works.test:${receiver.port}/`), message())).outcome).toBe("delivered");
  stop.abort();
  expect(new Set((await Promise.all(hanging)).map(({ cause }) => cause))).toEqual(new Set(["stopped"]));
});

it("gives a name up whose name server does not answer in time", async () => {
  const names = await startNameServer(() => "silent");
  const sender = openSender({ nameServers: [names.address] });
  expect((await sender.send(target("http://hangs.test:8080/", { timeoutSeconds: 1 }), message())).cause).toBe(
    "timeout",
  );
});

it("says that a name does not exist, without naming it", async () => {
  const names = await startNameServer(() => []);
  const sender = openSender({ nameServers: [names.address] });
  const { outcome, cause, error } = await sender.send(target("http://no-such-host.invalid:8080/"), message());
  expect({ outcome, cause }).toEqual({ outcome: "retry", cause: "name_not_found" });
  expect(error).toMatch(/^The address of the host was not found \(\w+\)\.$/);
});
