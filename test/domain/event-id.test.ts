/** Ids of events: unique, in the order of acceptance, and UUIDs as RFC 9562 wants them. */

import { describe, expect, it } from "vitest";
import { createIdMint, type EventId, idOfBytes, idOfName, idText, writeId } from "../../src/domain/event-id.js";

const now = 1_795_948_200_123;
const timeOf = (id: EventId): number => Number.parseInt(idText(id).replaceAll("-", "").slice(0, 12), 16);
const uuid = (version: number) =>
  new RegExp(`^[0-9a-f]{8}-[0-9a-f]{4}-${version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`);

/** Whether each is greater than the one before; none can be there twice then. */
function grow(ids: Iterable<EventId>): boolean {
  let [last, next] = [Buffer.alloc(16), Buffer.alloc(16)];
  for (const id of ids) {
    writeId(next, 0, id);
    if (Buffer.compare(last, next) >= 0) return false;
    [last, next] = [next, last];
  }
  return true;
}

function* mintAt(times: Iterable<number>): Generator<EventId> {
  const mint = createIdMint();
  for (const time of times) yield mint(time);
}

function* repeat(count: number, time: (n: number) => number): Generator<number> {
  for (let n = 0; n < count; n++) yield time(n);
}

describe("the ids of a node", () => {
  it("are UUIDv7 with the time of acceptance", () => {
    for (const time of [1, 0xffff, 0x10000, now, 2 ** 48 - 1]) {
      const [id] = mintAt([time]) as Iterable<EventId>;
      expect(idText(id as EventId)).toMatch(uuid(7));
      expect(timeOf(id as EventId)).toBe(time);
    }
  });

  it("grow, a million of them as fast as they come", () => {
    expect(grow(mintAt(repeat(1_000_000, () => Date.now())))).toBe(true);
  });

  it("grow, a million of them within one millisecond, and keep its time", () => {
    expect(grow(mintAt(repeat(1_000_000, () => now)))).toBe(true);
    const times = [...mintAt(repeat(100_000, () => now))].map(timeOf);
    expect(times.every((time) => time === now)).toBe(true);
  });

  it("grow as text just as they do as bytes", () => {
    const texts = [...mintAt(repeat(10_000, (n) => now + Math.floor(n / 100)))].map(idText);
    expect(texts.toSorted()).toEqual(texts);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it("grow when the clock steps back, and keep the latest time until the clock has come there again", () => {
    const clock = [now, now - 3_600_000, now - 1, ...repeat(10_000, () => now - 3_600_000), now + 60_000];
    const ids = [...mintAt(clock)];
    expect(grow(ids)).toBe(true);
    expect(ids.slice(0, 4).map(timeOf)).toEqual([now, now, now, now]);
    expect(timeOf(ids.at(-1) as EventId)).toBe(now + 60_000);
  });

  it("grow whatever the clock does", () => {
    let clock = now;
    const wild = () => (clock += Math.round((Math.random() - 0.45) * 50));
    expect(grow(mintAt(repeat(200_000, wild)))).toBe(true);
  });

  it("are not those of another node that accepts as much in the same millisecond", () => {
    const ids = [0, 1, 2].flatMap(() => [...mintAt(repeat(50_000, () => now))].map(idText));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("stay what they were when others are minted", () => {
    const ids = [...mintAt(repeat(2_000, () => now))];
    expect(grow(ids)).toBe(true);
  });
});

describe("the id of a name", () => {
  it("is a UUIDv8, always the same, and another one for another name", () => {
    expect(idText(idOfName("a"))).toMatch(uuid(8));
    expect(idOfName("a")).toEqual(idOfName("a"));
    expect(idText(idOfName("a"))).not.toBe(idText(idOfName("b")));
  });
});

describe("the text of an id", () => {
  it("is that of its bytes, in lower case, also of a view", () => {
    const bytes = Buffer.from("000198f0a2b3c47d5e8f60718293a4b5c6ff", "hex");
    expect(idText(idOfBytes(bytes.subarray(1, 17)))).toBe("0198f0a2-b3c4-7d5e-8f60-718293a4b5c6");
  });
});
