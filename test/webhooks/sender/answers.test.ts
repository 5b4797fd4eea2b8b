/** What the answer of a receiver, or its silence, means for a delivery. */

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import type { Attempt } from "../../../src/webhooks/sender/sender.js";
import { startReceiver } from "../../support/receiver.js";
import { message, openSender, target } from "../../support/webhook-sending.js";

async function answered(respond: (answer: ServerResponse) => void, timeoutSeconds = 10): Promise<Attempt> {
  const receiver = await startReceiver(respond);
  return openSender().send(target(receiver.origin, { timeoutSeconds }), message());
}

it.each([
  [200, "delivered", "delivered"],
  [201, "delivered", "delivered"],
  [204, "delivered", "delivered"],
  [299, "delivered", "delivered"],
  [300, "retry", "status_3xx"],
  [301, "retry", "status_3xx"],
  [304, "retry", "status_3xx"],
  [400, "dead", "status_4xx"],
  [401, "pause", "status_401"],
  [402, "dead", "status_4xx"],
  [403, "pause", "status_403"],
  [404, "pause", "status_404"],
  [405, "dead", "status_4xx"],
  [408, "retry", "status_408"],
  [410, "gone", "status_410"],
  [413, "dead", "status_4xx"],
  [422, "dead", "status_4xx"],
  [425, "retry", "status_425"],
  [429, "retry", "status_429"],
  [499, "dead", "status_4xx"],
  [500, "retry", "status_5xx"],
  [503, "retry", "status_5xx"],
  [599, "retry", "status_5xx"],
  [799, "retry", "status_5xx"],
])("takes the status %d for %s", async (status, outcome, cause) => {
  expect(await answered((answer) => answer.writeHead(status).end())).toMatchObject({
    outcome,
    cause,
    status,
    error: undefined,
  });
});

it("waits for the answer after interim answers", async () => {
  const attempt = await answered((answer) => {
    answer.writeProcessing();
    answer.writeEarlyHints({ link: "</style.css>; rel=preload" });
    answer.writeHead(202).end("done");
  });
  expect(attempt).toMatchObject({ outcome: "delivered", status: 202, responseHead: "done" });
});

it("keeps the first 1,024 bytes of the body as text", async () => {
  const attempt = await answered((answer) => answer.writeHead(500).end("é".repeat(3000)));
  expect(attempt.responseHead).toBe("é".repeat(512));
  expect((await answered((answer) => answer.writeHead(500).end())).responseHead).toBeUndefined();
});

it.each([
  ["120", 120_000],
  ["0", 0],
  ["3600", 3_600_000],
  ["3601", 3_600_000],
  ["99999999999999999999", 3_600_000],
  ["Wed, 21 Oct 2015 07:28:00 GMT", 0],
  ["Fri, 31 Dec 2949 23:59:59 GMT", 3_600_000],
  ["soon", undefined],
  ["-5", undefined],
  ["1.5", undefined],
  ["", undefined],
])("reads Retry-After: %s as %s ms", async (value, ms) => {
  const attempt = await answered((answer) => answer.writeHead(503, { "retry-after": value }).end());
  expect(attempt.retryAfterMs).toBe(ms);
});

it("reads a Retry-After that names a time of the next hour", async () => {
  const at = new Date(Date.now() + 1_800_000).toUTCString();
  const { retryAfterMs } = await answered((answer) => answer.writeHead(429, { "retry-after": at }).end());
  expect(retryAfterMs).toBeGreaterThan(1_790_000);
  expect(retryAfterMs).toBeLessThanOrEqual(1_800_000);
});

it("gives up a receiver that does not answer in time", async () => {
  const attempt = await answered(() => undefined, 1);
  const sentence = "The receiver did not answer within 1 s.";
  expect(attempt).toMatchObject({ outcome: "retry", cause: "timeout", status: undefined, error: sentence });
  expect(attempt.ms).toBeGreaterThanOrEqual(990);
});

it("gives up a receiver that sends its headers too slowly", async () => {
  const { url } = await startRaw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    const drip = setInterval(() => socket.write("x-drip: 1\r\n"), 100);
    socket.on("close", () => clearInterval(drip));
  });
  expect((await openSender().send(target(url, { timeoutSeconds: 1 }), message())).cause).toBe("timeout");
});

it("does not wait for the end of a body longer than the timeout: the status has arrived", async () => {
  const attempt = await answered((answer) => answer.writeHead(200).write("begun"), 1);
  expect(attempt).toMatchObject({ outcome: "delivered", status: 200, responseHead: "begun" });
});

it.each([
  ["an endless body", undefined],
  ["a body of 100 MB", 100_000_000],
])("reads 16 KiB of %s, and hangs up", async (_, length) => {
  const chunk = Buffer.alloc(64 * 1024, "x");
  let sent = 0;
  let hungUp: Promise<unknown> | undefined;
  const attempt = await answered((answer) => {
    hungUp = once(answer, "close");
    answer.writeHead(500, length === undefined ? {} : { "content-length": length });
    const pump = (): void => {
      while (answer.writable && sent < (length ?? Number.POSITIVE_INFINITY)) {
        sent += chunk.length;
        if (!answer.write(chunk)) return void answer.once("drain", pump);
      }
    };
    pump();
  });
  await hungUp;
  expect(attempt).toMatchObject({ outcome: "retry", status: 500, responseHead: "x".repeat(1024) });
  // What the kernels on both sides hold is written too, and no more.
  expect(sent).toBeLessThan(20_000_000);
});

it.each([
  ["before the answer", "", "cut_off"],
  ["in the status line", "HTTP/1.1 20", "cut_off"],
  ["in the headers", "HTTP/1.1 200 OK\r\nContent-Le", "cut_off"],
])("tries again when the receiver cuts the connection %s", async (_, text, cause) => {
  const { url } = await startRaw((socket) => socket.end(text));
  const { outcome, cause: got, status } = await openSender().send(target(url), message());
  expect({ outcome, got, status }).toEqual({ outcome: "retry", got: cause, status: undefined });
});

it("counts an answer whose body is cut off, because the receiver had decided", async () => {
  const { url } = await startRaw((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"));
  expect(await openSender().send(target(url), message())).toMatchObject({ outcome: "delivered", responseHead: "part" });
});

it.each([
  ["another protocol", "SSH-2.0-OpenSSH_9.6\r\n"],
  ["headers of 1 MB", `HTTP/1.1 200 OK\r\nx-long: ${"x".repeat(1_000_000)}\r\n\r\n`],
])("tries again when the receiver answers with %s", async (_, text) => {
  const { url } = await startRaw((socket) => socket.end(text));
  const { outcome, cause, error } = await openSender().send(target(url), message());
  expect({ outcome, cause }).toEqual({ outcome: "retry", cause: "not_http" });
  expect(error).toMatch(/^The answer is not valid HTTP \(\w+\)\.$/);
});

it("tries again when nobody listens, and names neither host nor address", async () => {
  const receiver = await startRaw(() => undefined);
  await receiver.close();
  const { outcome, cause, error } = await openSender().send(target(`${receiver.url}secret?token=hunter2`), message());
  expect({ outcome, cause, error }).toEqual({
    outcome: "retry",
    cause: "connection_failed",
    error: "No connection could be opened (ECONNREFUSED).",
  });
});

it("is not held up by hanging requests to the same origin", async () => {
  const receiver = await startReceiver((answer, { path }) => void (path === "/answers" && answer.end()));
  const sender = openSender();
  const stop = new AbortController();
  const hanging = Array.from({ length: 100 }, () =>
    sender.send(target(`${receiver.origin}/hangs`), message(), stop.signal),
  );
  const hook = target(`${receiver.origin}/answers`);
  for (let count = 0; count < 50; count++) expect((await sender.send(hook, message())).outcome).toBe("delivered");
  stop.abort();
  await Promise.all(hanging);
});

/** A receiver that speaks no HTTP by itself. `respond` is called when bytes have arrived. */
async function startRaw(respond: (socket: Socket) => void) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => respond(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => void (server.listening && (await once(server.close(), "close")));
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}
