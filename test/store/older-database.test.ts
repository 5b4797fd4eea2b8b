/** The database of release 0.1.0 is taken over as it is, and what reached it over the network is gone. */

import { join } from "node:path";
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { isRunning } from "../../src/machine/process.js";
import { openEmbeddedPostgres } from "../../src/store/embedded/embedded-postgres.js";
import { findPostmaster, stopPostmaster } from "../../src/store/embedded/postmaster.js";
import { startOlderDatabase } from "../support/older-database.js";
import { query } from "../support/postgres.js";
import { anyWebsocket, makeInstance, openNode, openReadyNode, silent } from "../support/store.js";
import { temporaryDirectory } from "../support/temporary.js";

/** With an account and an instance in it. */
async function older() {
  const dataDir = temporaryDirectory();
  const database = await startOlderDatabase(dataDir);
  onTestFinished(() => stopPostmaster(database.pid));
  const node = await openReadyNode(database.url);
  const instance = await makeInstance(node, "desk");
  await node.close();
  return { dataDir, database, instance };
}

async function takeOver({ dataDir, instance }: Awaited<ReturnType<typeof older>>): Promise<void> {
  const node = await openNode(undefined, { dataDir });
  onTestFinished(() => node.close());
  await node.ready;
  expect(node.directory.principal(instance.token)?.id).toBe(instance.id);
  expect(node.directory.principal(instance.accountToken)?.kind).toBe("account");
  expect(await node.store.setWebsocket(instance.id, anyWebsocket)).toEqual(anyWebsocket);
  expect(findPostmaster({ data: join(dataDir, "postgres", "data") })).toMatchObject({ ready: true, onNetwork: false });
}

describe("a database of the release before", () => {
  it("is taken over when it was stopped", async () => {
    const found = await older();
    await stopPostmaster(found.database.pid);
    await takeOver(found);
  });

  it("is stopped and taken over when its service was killed and it still runs", async () => {
    const found = await older();
    await takeOver(found);
    expect(isRunning(found.database.pid)).toBe(false);
    await expect(query(found.database.url, "select 1")).rejects.toThrow("ECONNREFUSED");
  });

  it("is left alone while its service lives", async () => {
    const { dataDir, database } = await older();
    const service = new pg.Client({ connectionString: database.url, application_name: "eventwire service, process 7" });
    await service.connect();
    onTestFinished(() => service.end());
    await service.query("select pg_advisory_lock(1702258292)");
    const opening = openEmbeddedPostgres({ dataDirectory: dataDir, purpose: "command", shared: true, logger: silent });
    await expect(opening).rejects.toThrow("is in use by another process: eventwire service, process 7.");
    expect(isRunning(database.pid)).toBe(true);
  });

  it("is the service's in all that it holds", async () => {
    const found = await older();
    await takeOver(found);
    const server = await openEmbeddedPostgres({
      dataDirectory: found.dataDir,
      purpose: "command",
      shared: true,
      logger: silent,
    });
    onTestFinished(() => server.close());
    const { rows } = await query(
      server.url,
      `select distinct relowner::regrole::text as owner from pg_class where relnamespace = 'public'::regnamespace
       union select datdba::regrole::text from pg_database where datname = 'postgres'`,
    );
    expect(rows).toEqual([{ owner: "eventwire_service" }]);
  });
});
