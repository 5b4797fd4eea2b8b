/**
 * One minute of random traffic against the rule, as part of the suite. Longer, or again with the seed that a failure
 * prints: `EXACTNESS_SECONDS=3600 EXACTNESS_SEED=1 npx vitest run test/e2e/exactness.test.ts`.
 */

import { pino } from "pino";
import { expect, it } from "vitest";
import { startServer } from "../../src/server.js";
import { readSettings } from "../../src/settings/settings.js";
import { databaseRead } from "../support/database-read.js";
import { driveExactly } from "../support/exactness.js";
import { createTestDatabase } from "../support/postgres.js";
import { Random } from "../support/random.js";

const seconds = Number(process.env.EXACTNESS_SECONDS ?? 60);
const seed = Number(process.env.EXACTNESS_SEED ?? Date.now() % 2 ** 31);
const accountToken = "ta_exactness_0123456789";

it(`gives every socket what its filter takes, once, in order, or the right close (seed ${seed})`, {
  timeout: (seconds + 60) * 1_000,
}, async () => {
  const database = await createTestDatabase();
  const settings = readSettings({
    HOST: "127.0.0.1",
    PORT: "0",
    GRPC_PORT: "0",
    DATABASE_URL: database.url,
    ACCOUNT_TOKEN: accountToken,
    ENCRYPTION_KEY: "00".repeat(32),
    RATE_LIMIT_GLOBAL: "0",
    IDLE_TIMEOUT_SECONDS: "56",
  });
  const unexpected = (): never => {
    throw new Error("the database cannot be used");
  };
  const server = await startServer(settings, pino({ level: "silent" }), {
    onFirstAccount: unexpected,
    onUnusable: unexpected,
  });
  try {
    await databaseRead(server.url);
    const end = Date.now() + seconds * 1_000;
    const target = { ...server, accountToken, pendingBytesMax: settings.socketPendingBytesMax };
    const tally = await driveExactly(target, new Random(seed), () => Date.now() > end);
    console.info(`exactness: ${JSON.stringify({ seed, seconds, ...tally })}`);
    expect(tally.received).toBeGreaterThan(0);
  } finally {
    await server.close();
    await database.drop();
  }
});
