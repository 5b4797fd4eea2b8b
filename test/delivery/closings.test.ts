/** What a socket that must go waits for before its close frame is sent, and what is told of it. */

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { shuttingDown } from "../../src/domain/closes.js";
import type { Principal } from "../../src/domain/instance.js";
import { entry, fakeHub, settle, upTo } from "../support/fake-hub.js";
import type { FakeSocket } from "../support/fake-socket.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** Its peer reads pings only when it is told to: the kernel holds all that it took. */
function holdPongs(socket: FakeSocket): () => void {
  const answer = socket.onPong;
  socket.onPong = () => {};
  return answer;
}

/** Blocked from the first frame on, and one frame too many. */
async function tooSlow() {
  const parts = fakeHub({ pendingBytesMax: 1e9 });
  const socket = parts.open(0);
  const answer = holdPongs(socket);
  for (let i = 0; i < 257; i++) parts.publish("label.update", 1_000);
  await settle();
  return { ...parts, socket, answer };
}

it("tells a reader only when a ping was answered that stands behind all its kernel holds", async () => {
  const { socket, answer, closed } = await tooSlow();
  vi.advanceTimersByTime(59_000);
  socket.drain(Number.POSITIVE_INFINITY);
  await settle();
  expect([socket.pings, socket.ended]).toEqual([1, undefined]);
  vi.advanceTimersByTime(200_000);
  answer();
  expect(socket.ended).toEqual({ code: 4008, reason: "slow consumer" });
  expect(closed).toHaveLength(1);
  expect(closed[0]).toMatchObject({ code: 4008, instanceId: "1", instance: "1", waitingFrames: 257, outcome: "told" });
});

it("asks again when the first answer is to a ping that stood before some of it", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  const { hub, open, publish } = fakeHub();
  const socket = open();
  const answer = holdPongs(socket);
  const send = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) publish("label.update", 1_000);
    await settle();
  };
  await send();
  vi.advanceTimersByTime(5_000);
  expect(socket.pings).toBe(1);
  await send();
  hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
  await settle();
  expect([socket.pings, socket.ended]).toEqual([1, undefined]);
  answer();
  expect([socket.pings, socket.ended]).toEqual([2, undefined]);
  answer();
  expect(socket.ended?.code).toBe(4004);
});

it("nudges its kernel, which may take bytes long before it says so", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  const { socket, answer } = await tooSlow();
  socket.makeRoom(100_000);
  vi.advanceTimersByTime(5_000);
  await settle();
  expect(socket.pings).toBe(1);
  answer();
  expect(socket.ended?.code).toBe(4008);
});

it("tells it all the same, unanswered, once it had a second for every 8 KiB that it may have to read", async () => {
  const { socket } = await tooSlow();
  socket.drain(Number.POSITIVE_INFINITY);
  await settle();
  // 257 frames of a little more than 1,000 bytes.
  vi.advanceTimersByTime(36_000);
  expect(socket.ended).toBeUndefined();
  vi.advanceTimersByTime(8_000);
  expect(socket.ended?.code).toBe(4008);
});

it("closes at once where little was sent that is not known to be read", async () => {
  const { hub, open, publish } = fakeHub();
  const socket = open();
  for (let i = 0; i < 10; i++) publish("label.update", 1_000);
  hub.instanceDeleted("1", { accountId: "a", name: "1", nameTaken: false });
  await settle();
  expect([socket.pings, socket.ended?.code]).toEqual([0, 4004]);
});

it("cuts one that reads nothing when its time is over, and says what waited", async () => {
  const { socket, closed, open, publish, numbers } = await tooSlow();
  const neighbour = open();
  publish();
  await settle();
  expect(numbers(neighbour)).toEqual([258]);
  vi.advanceTimersByTime(60_000);
  expect([socket.wasCut, socket.ended]).toEqual([true, undefined]);
  expect(closed).toHaveLength(1);
  expect(closed[0]).toMatchObject({ code: 4008, framesDelivered: 0, waitingFrames: 257, outcome: "cut" });
  expect(closed[0]?.waitingBytes).toBeGreaterThan(257 * 1_000);
});

it("says so when the peer leaves before it could be told, and says nothing of one that leaves by itself", async () => {
  const { socket, closed, open } = await tooSlow();
  open().close();
  expect(closed).toEqual([]);
  socket.close();
  expect(closed.map(({ outcome }) => outcome)).toEqual(["left"]);
  vi.advanceTimersByTime(400_000);
  expect(closed).toHaveLength(1);
});

it("waits five seconds at most when the node shuts down, for those too that were to go before", async () => {
  const { hub, socket, answer, open, publish, closed } = await tooSlow();
  const unread = open();
  holdPongs(unread);
  for (let i = 0; i < 100; i++) publish("label.update", 1_000);
  await settle();
  const gone = hub.close(shuttingDown, 0);
  await settle();
  vi.advanceTimersByTime(4_999);
  expect([socket.wasCut, unread.ended]).toEqual([false, undefined]);
  vi.advanceTimersByTime(1);
  await gone;
  expect([socket.wasCut, unread.ended?.code]).toEqual([true, 1001]);
  expect(closed.map(({ code, outcome }) => [code, outcome]).sort()).toEqual([
    [1001, "told"],
    [4008, "cut"],
  ]);
  answer();
});

it("gives no broadcast to one that waits to be told, and all that stood before the close", async () => {
  const { hub, open, publish, numbers } = fakeHub();
  const own: Principal = { kind: "instance", id: "1", accountId: "a", revoked: false };
  const [other, revoked] = [open(), open(undefined, entry("1"), own)];
  const answer = holdPongs(revoked);
  for (let i = 0; i < 10; i++) publish("label.update", 10_000);
  await settle();
  for (let i = 0; i < 10; i++) publish();
  hub.principalRevoked(own);
  await settle();
  for (let i = 0; i < 10; i++) publish();
  await settle();
  expect(numbers(other)).toEqual(upTo(30));
  expect([numbers(revoked), revoked.pings, revoked.ended]).toEqual([upTo(20), 1, undefined]);
  answer();
  expect(revoked.ended?.code).toBe(4001);
});
