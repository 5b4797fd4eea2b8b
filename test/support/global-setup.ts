/** One real PostgreSQL for the whole test run; `TEST_DATABASE_URL` names another server to use. */

import { readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { isRunning } from "../../src/machine/process.js";
import { findPostmaster, stopPostmaster } from "../../src/store/embedded/postmaster.js";
import { startKillablePostgres } from "./killable-postgres.js";

declare module "vitest" {
  interface ProvidedContext {
    databaseServer: string;
  }
}

// What is lost when the machine stops in the middle of a test is nobody's loss.
const settings = ["synchronous_commit=off", "full_page_writes=off", "max_connections=300"];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    project.provide("databaseServer", given);
    return async () => {};
  }
  await sweep();
  const server = await startKillablePostgres(settings);
  project.provide("databaseServer", server.url);
  return () => server.close();
}

/** Ends what runs that were killed have left behind. */
async function sweep(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^eventwire-run-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    const directory = join(tmpdir(), name);
    const left = findPostmaster({ data: join(directory, "postgres", "data") });
    if (left !== undefined) await stopPostmaster(left.pid);
    rmSync(directory, { recursive: true, force: true });
  }
}
