/**
 * Slow clients of two makers on kernel buffers as they are: whoever still reads sees why it was closed, however far its
 * kernel is behind. For figures, with all frames of one size: `SLOW_READER_BYTES=400 npx vitest run test/e2e/slow-readers.test.ts`.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { eventOf, openEventStream } from "../support/event-stream.js";
import { type PublicServer, startPublicServer } from "../support/public-server.js";
import { lacks } from "../support/requirements.js";
import { scrape } from "../support/scrape.js";

let server: PublicServer;
beforeAll(async () => {
  server = await startPublicServer({ CLOSE_GRACE_SECONDS: process.env.SLOW_READER_BYTES ? "60" : "40" });
});
afterAll(() => server.close());

const programs = {
  python: ["/usr/bin/python3", "test/e2e/slow/reader.py"],
  node: [process.execPath, "test/e2e/slow/reader.mjs"],
} as const;

/** The slower one reads, the larger its frames, so that the kernel holds fewer of them: the file must end in a minute. */
const rates = [
  { rate: 50, bytes: 6_000 },
  { rate: 200, bytes: 1_500 },
  { rate: 1_000, bytes: 1_000 },
] as const;
const readers = rates.flatMap(({ rate }) => (["python", "node"] as const).map((maker) => ({ maker, rate })));
const nameOf = ({ maker, rate }: { maker: string; rate: number }): string => `${maker}-${rate}`;
const bytesOf = (bytes: number): number => Number(process.env.SLOW_READER_BYTES ?? bytes);

interface Seen {
  readonly code: number;
  readonly frames: number;
  readonly gap: readonly [number, number] | null;
  readonly seconds: number;
}

const closes = async (): Promise<number> => {
  const [count = 0] = await scrape(server.server.grpcUrl, 'eventwire_socket_closes_total{code="4008"}');
  return count;
};

async function openReader(
  maker: keyof typeof programs,
  name: string,
  rate: number,
): Promise<{ readonly end: Promise<Seen> }> {
  const [program, script] = programs[maker];
  const url = `${server.url.replace("http", "ws")}/ws/${name}?token=${server.accountToken}`;
  const child: ChildProcess = spawn(program, [script, url, String(rate)], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill());
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("open");
  return { end: lines.next().then(({ value }) => JSON.parse(value as string)) };
}

/** Numbered events for each of the instances, as fast as they are taken, until `done`. */
async function publishUntil(done: () => Promise<boolean>, instances: readonly string[], bytes: number): Promise<void> {
  const stream = openEventStream(server.server.grpcUrl, server.accountToken);
  const pad = "x".repeat(bytes - 200);
  let n = 0;
  const send = (): void => {
    const numbers = Array.from({ length: 100 }, () => ++n);
    const events = numbers.flatMap((number) =>
      instances.map((instance) => eventOf(instance, "call.update", `{"n":${number},"pad":"${pad}"}`)),
    );
    stream.send({ sequence: BigInt(n), events });
  };
  for (let ahead = 0; ahead < 10; ahead++) send();
  while (!(await done())) {
    for (let batch = 0; batch < 10; batch++) {
      send();
      await stream.acknowledgement();
    }
  }
  stream.end();
  while ((await stream.acknowledgement()) !== undefined);
}

it.skipIf(await lacks("python3-websockets"))(
  "gives each an unbroken sequence and then 4008",
  { timeout: 400_000 },
  async () => {
    const ends = new Map<string, Promise<Seen>>();
    const pace = (at: number): readonly string[] => readers.filter(({ rate }) => rate === at).map(nameOf);
    for (const reader of readers) {
      const name = nameOf(reader);
      await server.createInstance(name, `ti_${name}-reader`, { enabled: true });
      ends.set(name, (await openReader(reader.maker, name, reader.rate)).end);
    }
    let closed = 0;
    for (const { rate, bytes } of rates) {
      closed += pace(rate).length;
      await publishUntil(async () => (await closes()) === closed, pace(rate), bytesOf(bytes));
    }
    for (const [name, end] of ends) {
      const { code, frames, gap, seconds } = await end;
      const line = server.log
        .map((text) => JSON.parse(text))
        .find(({ msg, instance }) => msg === "socket closed by the service" && instance === name);
      const { openSeconds, framesDelivered, waitingFrames, waitingBytes, outcome } = line ?? {};
      console.info(
        `slow reader: ${JSON.stringify({ name, code, frames, seconds, openSeconds, framesDelivered, waitingFrames, waitingBytes })}`,
      );
      expect([name, code, gap]).toEqual([name, 4008, null]);
      expect(outcome).toBe("told");
      expect(waitingFrames).toBeGreaterThan(256);
    }
  },
);
