/** Requests that are worked on while earlier answers are awaited. */

import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { inFlightMax, pipeline } from "../../src/rpc/pipeline.js";

/** Answers that are given by hand. */
function byHand() {
  const asked: number[] = [];
  const give = new Map<number, (answer: string) => void>();
  const refuse = new Map<number, (error: Error) => void>();
  const work = (request: number): Promise<string> => {
    asked.push(request);
    return new Promise((resolve, reject) => {
      give.set(request, resolve);
      refuse.set(request, reject);
    });
  };
  return {
    asked,
    work,
    give: (n: number) => give.get(n)?.(`answer ${n}`),
    refuse: (n: number) => refuse.get(n)?.(new Error(`${n}`)),
  };
}

async function* numbers(count: number) {
  for (let n = 0; n < count; n++) yield n;
}

async function take<T>(from: AsyncGenerator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) taken.push((await from.next()).value);
  return taken;
}

it("takes further requests while the first answer is awaited, so many and no more", async () => {
  const { asked, work, give } = byHand();
  const answers = pipeline(numbers(100), work);
  const first = answers.next();
  while (asked.length < inFlightMax) await turn();
  for (let i = 0; i < 5; i++) await turn();
  expect(asked).toHaveLength(inFlightMax);
  give(0);
  expect((await first).value).toBe("answer 0");
  await answers.return(undefined);
});

it("gives the answers in the order of the requests, however they come", async () => {
  const { asked, work, give } = byHand();
  const answers = pipeline(numbers(3), work);
  const all = take(answers, 3);
  while (asked.length < 3) await turn();
  for (const n of [2, 1, 0]) give(n);
  expect(await all).toEqual(["answer 0", "answer 1", "answer 2"]);
  expect((await answers.next()).done).toBe(true);
});

it("gives an answer that is there without waiting for a further request", async () => {
  async function* oneAndSilence() {
    yield 1;
    await new Promise(() => {});
  }
  const answers = pipeline(oneAndSilence(), (n) => n * 2);
  expect((await answers.next()).value).toBe(2);
});

it("gives an awaited answer without waiting for a further request", async () => {
  async function* oneAndSilence() {
    yield 1;
    await new Promise(() => {});
  }
  const answers = pipeline(oneAndSilence(), async (n) => n * 2);
  expect((await answers.next()).value).toBe(2);
});

it("fails behind the answers to what came before, and takes nothing that comes after", async () => {
  const { asked, work, give, refuse } = byHand();
  const answers = pipeline(numbers(3), work);
  const first = answers.next();
  while (asked.length < 3) await turn();
  refuse(1);
  give(2);
  give(0);
  expect((await first).value).toBe("answer 0");
  await expect(answers.next()).rejects.toThrow("1");
  expect((await answers.next()).done).toBe(true);
});

it("answers what came before the requests failed, then fails with them", async () => {
  async function* failing() {
    yield 0;
    throw new Error("broken");
  }
  const { asked, work, give } = byHand();
  const answers = pipeline(failing(), work);
  const first = answers.next();
  while (asked.length < 1) await turn();
  await turn();
  give(0);
  expect((await first).value).toBe("answer 0");
  await expect(answers.next()).rejects.toThrow("broken");
});

it("ends at once when nobody wants further answers, though a request is awaited", async () => {
  async function* oneAndSilence() {
    yield 1;
    await new Promise(() => {});
  }
  const answers = pipeline(oneAndSilence(), (n) => n);
  await answers.next();
  expect((await answers.return(undefined)).done).toBe(true);
});
