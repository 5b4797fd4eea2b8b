/** Requests that are worked on while earlier answers are awaited. */

import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, expect, it } from "vitest";
import { AppError } from "../../src/domain/errors.js";
import { inFlightMax, Pipeline } from "../../src/rpc/streams/pipeline.js";

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

async function* oneAndSilence() {
  yield 1;
  await new Promise(() => {});
}

/** What is told about the end. */
const told: string[] = [];
beforeEach(() => told.splice(0));

/** Reads the requests one by one. */
function pipeline<T, R>(requests: AsyncGenerator<T>, work: (request: T) => R | Promise<R>): Pipeline<T, R> {
  const call = {
    answer: work,
    complete: () => void told.push("complete"),
    fail(cause: unknown) {
      told.push(`failed: ${(cause as Error).message}`);
      return new AppError("INTERNAL", { cause });
    },
  };
  return new Pipeline(call, () => requests.next().then(({ done, value }) => (done ? undefined : [value as T])));
}

/** The next answers, so many at least. */
async function take<T>(from: Pipeline<unknown, T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) taken.push(...(await from.next()).value);
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
  expect((await first).value).toEqual(["answer 0"]);
  await answers.return();
});

it("gives the answers in the order of the requests, however they come", async () => {
  const { asked, work, give } = byHand();
  const answers = pipeline(numbers(3), work);
  const all = take(answers, 3);
  while (asked.length < 3) await turn();
  for (const n of [2, 1, 0]) give(n);
  expect(await all).toEqual(["answer 0", "answer 1", "answer 2"]);
  expect((await answers.next()).done).toBe(true);
  expect(told).toEqual(["complete"]);
});

it("gives an answer that is there without waiting for a further request", async () => {
  const answers = pipeline(oneAndSilence(), (n) => n * 2);
  expect((await answers.next()).value).toEqual([2]);
});

it("gives an awaited answer without waiting for a further request", async () => {
  const answers = pipeline(oneAndSilence(), async (n) => n * 2);
  expect((await answers.next()).value).toEqual([2]);
});

it("fails behind the answers to what came before, and takes nothing that comes after", async () => {
  const { asked, work, give, refuse } = byHand();
  const answers = pipeline(numbers(3), work);
  const first = answers.next();
  while (asked.length < 3) await turn();
  refuse(1);
  give(2);
  give(0);
  expect((await first).value).toEqual(["answer 0"]);
  await expect(answers.next()).rejects.toThrow(AppError);
  expect((await answers.next()).done).toBe(true);
  expect(told).toEqual(["failed: 1"]);
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
  expect((await first).value).toEqual(["answer 0"]);
  await expect(answers.next()).rejects.toThrow(AppError);
  expect(told).toEqual(["failed: broken"]);
});

it("ends at once when nobody wants further answers, though a request is awaited", async () => {
  const answers = pipeline(oneAndSilence(), (n) => n);
  await answers.next();
  expect((await answers.return()).done).toBe(true);
});

it("gives what was answered at once in one piece, before it waits for the next answer", async () => {
  const { work, give } = byHand();
  const chunks = [[1, 2, 3, -4, 5]];
  const call = {
    answer: (n: number) => (n < 0 ? work(n) : `${n}`),
    complete() {},
    fail: (cause: unknown) => new AppError("INTERNAL", { cause }),
  };
  const answers = new Pipeline(call, async () => chunks.shift());
  expect((await answers.next()).value).toEqual(["1", "2", "3"]);
  const rest = answers.next();
  give(-4);
  expect((await rest).value).toEqual(["answer -4", "5"]);
  expect((await answers.next()).done).toBe(true);
});

it("answers what it had taken when it is ended from outside, and reads nothing more", async () => {
  const { asked, work, give } = byHand();
  const answers = pipeline(oneAndSilence(), work);
  const first = answers.next();
  while (asked.length < 1) await turn();
  answers.end(new Error("closing"));
  give(1);
  expect((await first).value).toEqual(["answer 1"]);
  await expect(answers.next()).rejects.toThrow(AppError);
  expect(told).toEqual(["failed: closing"]);
});

it("ends an iteration that waits for requests when it is ended from outside", async () => {
  async function* silence() {
    await new Promise(() => {});
    yield 1;
  }
  const answers = pipeline(silence(), (n) => n);
  const first = answers.next();
  answers.end();
  expect((await first).done).toBe(true);
  expect(told).toEqual(["complete"]);
});
