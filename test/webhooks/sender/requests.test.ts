/** What a receiver gets: the request line, the headers, the body, and over which connections. */

import { expect, it } from "vitest";
import { startReceiver } from "../../support/receiver.js";
import { message, openSender, target } from "../../support/webhook-sending.js";

it("posts the frame byte for byte, with id, timestamp, attempt and the name of the program", async () => {
  const receiver = await startReceiver();
  const body = Buffer.from('{"event":"message.status","data":{ "n": 1.0e2,"é":"\\u00e9\\/" },"instanceData":{}}');
  const before = Math.floor(Date.now() / 1000);
  await openSender({ version: "1.2.3" }).send(
    target(`${receiver.origin}/hook`),
    message({ id: "the-id", attempt: 3, body }),
  );
  const [received] = receiver.requests;
  expect([received?.method, received?.path, received?.body]).toEqual(["POST", "/hook", body]);
  const { "webhook-timestamp": timestamp, ...headers } = received?.headers ?? {};
  expect(headers).toEqual({
    host: `127.0.0.1:${receiver.port}`,
    connection: "keep-alive",
    "content-type": "application/json",
    "content-length": String(body.length),
    "user-agent": "Eventwire/1.2.3",
    "webhook-id": "the-id",
    "webhook-attempt": "3",
  });
  expect(Number(timestamp)).toBeGreaterThanOrEqual(before);
  expect(Number(timestamp)).toBeLessThanOrEqual(Date.now() / 1000);
});

it.each([
  ["/hook", "/hook/message.status"],
  ["/hook/", "/hook/message.status"],
  ["/hook///", "/hook/message.status"],
  ["", "/message.status"],
  ["/", "/message.status"],
  ["/a/b?x=1", "/a/b/message.status?x=1"],
  ["/a/b/?x=1&y=/", "/a/b/message.status?x=1&y=/"],
  ["?x=1", "/message.status?x=1"],
  ["/a%2Fb/#part", "/a%2Fb/message.status"],
])("with byEvents, %j becomes %j", async (path, wanted) => {
  const receiver = await startReceiver();
  await openSender().send(target(receiver.origin + path, { byEvents: true }), message());
  expect(receiver.requests[0]?.path).toBe(wanted);
});

it.each(["?token=a%20b+c&sig='x'&y=\"<z>\"|`{}^~[]\\", "?", "?a=?b=/c//d/../e", "?a=%zz&&=&;", "?a=%2f%2F%c3%a9"])(
  "keeps the query %j byte for byte",
  async (query) => {
    const receiver = await startReceiver();
    const sender = openSender();
    await sender.send(target(`${receiver.origin}/hook${query}#fragment?x`), message());
    await sender.send(target(`${receiver.origin}/hook${query}`, { byEvents: true }), message());
    expect(receiver.requests.map(({ path }) => path)).toEqual([`/hook${query}`, `/hook/message.status${query}`]);
  },
);

it("percent-encodes what may not stand in a request line", async () => {
  const receiver = await startReceiver();
  await openSender().send(target(` ${receiver.origin}/a b?q=é \u{1f600}\ud800&\t\nx `), message());
  expect(receiver.requests[0]?.path).toBe("/a%20b?q=%C3%A9%20%F0%9F%98%80%EF%BF%BD&x");
});

it.each(["Bearer abc", "Basic dXNlcjpwYXNz", "any text: with, marks; and  spaces", "key=ü€"])(
  "sends the configured Authorization %j verbatim, even when the URL has a user",
  async (authorization) => {
    const receiver = await startReceiver();
    const url = `http://user:pass@127.0.0.1:${receiver.port}/`;
    await openSender().send(target(url, { authorization }), message());
    expect(Buffer.from(receiver.requests[0]?.headers.authorization ?? "", "latin1").toString()).toBe(authorization);
  },
);

it("sends the user and password of the URL as Basic when no Authorization is configured", async () => {
  const receiver = await startReceiver();
  await openSender().send(target(`http://us%40er:p%C3%A4ss@127.0.0.1:${receiver.port}/`), message());
  const wanted = `Basic ${Buffer.from("us@er:päss").toString("base64")}`;
  expect(receiver.requests[0]?.headers.authorization).toBe(wanted);
});

it.each([undefined, ""])("sends no Authorization and no signature when there is none: %j", async (authorization) => {
  const receiver = await startReceiver();
  await openSender().send(target(receiver.origin, { authorization }), message());
  const names = Object.keys(receiver.requests[0]?.headers ?? {});
  expect(names.filter((name) => /authorization|signature/.test(name))).toEqual([]);
});

it.each(["ftp://127.0.0.1/", "/relative", "", "http://", "http://[::1", "javascript:alert(1)"])(
  "makes no request of %j",
  async (url) => {
    const { outcome, cause } = await openSender().send(target(url), message());
    expect({ outcome, cause }).toEqual({ outcome: "retry", cause: "request_invalid" });
  },
);

it("sends one request after the other over one connection", async () => {
  const receiver = await startReceiver();
  const sender = openSender();
  const hook = target(receiver.origin);
  for (let count = 0; count < 20; count++) await sender.send(hook, message());
  expect([receiver.requests.length, receiver.connections]).toEqual([20, 1]);
});

it("opens at most 256 connections to one origin, however many requests wait", async () => {
  const receiver = await startReceiver();
  const sender = openSender();
  const hook = target(receiver.origin, { timeoutSeconds: 30 });
  const attempts = await Promise.all(Array.from({ length: 600 }, () => sender.send(hook, message())));
  expect(attempts.filter(({ outcome }) => outcome !== "delivered")).toEqual([]);
  expect(receiver.requests.length).toBe(600);
  expect(receiver.connections).toBeLessThanOrEqual(256);
});

it("ends an attempt when its signal is aborted, before and after it began", async () => {
  const receiver = await startReceiver(() => undefined);
  const sender = openSender();
  const stop = new AbortController();
  const both = [0, 1].map(() => sender.send(target(receiver.origin), message(), stop.signal));
  stop.abort();
  const after = await sender.send(target(receiver.origin), message(), stop.signal);
  for (const attempt of [...(await Promise.all(both)), after])
    expect(attempt).toMatchObject({ outcome: "retry", cause: "stopped", error: "The node stopped." });
});

it("ends the attempts under way when it is closed", async () => {
  const receiver = await startReceiver(() => undefined);
  const sender = openSender();
  const attempt = sender.send(target(receiver.origin), message());
  await sender.close();
  expect(await attempt).toMatchObject({ outcome: "retry", cause: "stopped" });
  expect((await sender.send(target(receiver.origin), message())).outcome).toBe("retry");
});
