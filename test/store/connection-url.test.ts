/** DATABASE_URL means what libpq makes of it, on a server with a certificate that nobody else vouches for. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { clusterUser, openCluster } from "../../src/store/embedded/cluster.js";
import { startPostmaster, stopPostmaster } from "../../src/store/embedded/postmaster.js";
import { readConnectionUrl } from "../../src/store/postgres/connection-url.js";
import { connectionConfig } from "../../src/store/postgres/pool.js";
import { makeCertificate } from "../support/certificate.js";
import { freePort } from "../support/free-port.js";

describe("a URL that would not be followed to the letter is refused", () => {
  it.each([
    ["postgres://a:1,b:2/db?target_session_attrs=read-write", "names several hosts, which is not supported"],
    ["postgres://u:p@a,b/db", "names several hosts"],
    ["postgres:///db?host=a,b", "names several hosts"],
    ["postgres://a/db?target_session_attrs=standby", "target_session_attrs of DATABASE_URL must be any, read-write or"],
    ["postgres://a/db?sslmode=prefer", "allow and prefer are not supported"],
    ["postgres://a/db?sslmode=verify-ca", "needs sslrootcert"],
    ["postgres://a/db?sslmode=verify-full&sslrootcert=/nowhere", "file of sslrootcert in DATABASE_URL cannot be read"],
    ["postgres://a/db?sslrootcert=/dev/null&sslcert=/etc/hostname", "sslmode of DATABASE_URL is missing"],
    ["postgres://a/db?sslcrl=/etc/crl", "sslcrl of DATABASE_URL is not known"],
    ["postgres://a/db?search_path=two", "set a schema with options=-csearch_path%3D<schema>"],
    ["postgres://a/db?require_auth=password", "require_auth of DATABASE_URL must be scram-sha-256"],
    [
      "postgres://a/db?require_auth=scram-sha-256&sslmode=require",
      "require_auth of DATABASE_URL is for connections without TLS",
    ],
  ])("%s", (url, sentence) => {
    expect(() => readConnectionUrl(url)).toThrow(sentence);
  });

  it("without a word of its secrets", () => {
    expect(() => readConnectionUrl("postgres://u:secret@a/db?sslpassword=secret")).toThrow(/^(?!.*secret)/);
  });
});

describe("TLS to a server with a self-signed certificate", () => {
  const directory = mkdtempSync(join(tmpdir(), `eventwire-run-${process.pid}-`));
  const authority = join(directory, "authority.pem");
  const stranger = join(directory, "stranger.pem");
  let base = "";
  let pid = 0;

  beforeAll(async () => {
    const cluster = await openCluster(directory);
    const { cert, key } = makeCertificate();
    writeFileSync(join(cluster.data, "server.crt"), cert);
    writeFileSync(join(cluster.data, "server.key"), key, { mode: 0o600 });
    writeFileSync(authority, cert);
    writeFileSync(stranger, makeCertificate().cert);
    const port = await freePort();
    const settings = ["listen_addresses=127.0.0.1,127.0.0.2", "unix_socket_directories=", "fsync=off", "ssl=on"];
    ({ pid } = await startPostmaster(cluster, port, settings));
    base = `postgres://${clusterUser}:${cluster.password}@127.0.0.1:${port}/postgres`;
  });
  afterAll(async () => {
    await stopPostmaster(pid);
    rmSync(directory, { recursive: true, force: true });
  });

  /** Whether the connection is encrypted, or why there is none. */
  async function connect(url: string): Promise<boolean | string> {
    const client = new pg.Client(connectionConfig(url, "test"));
    client.on("error", () => {});
    try {
      await client.connect();
      const { rows } = await client.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
      return rows[0].ssl;
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    } finally {
      await client.end().catch(() => {});
    }
  }

  it.each([
    ["", "127.0.0.1", false],
    ["sslmode=disable", "127.0.0.1", false],
    ["sslmode=require", "127.0.0.1", true],
    ["sslmode=require&channel_binding=require", "127.0.0.1", true],
    ["sslmode=no-verify", "127.0.0.1", true],
    ["sslmode=require&sslrootcert=STRANGER", "127.0.0.1", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["sslmode=verify-ca&sslrootcert=AUTHORITY", "127.0.0.2", true],
    ["sslmode=verify-ca&sslrootcert=STRANGER", "127.0.0.2", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["sslmode=verify-full&sslrootcert=AUTHORITY", "localhost", true],
    ["sslmode=verify-full&sslrootcert=AUTHORITY", "127.0.0.1", true],
    ["sslmode=verify-full&sslrootcert=AUTHORITY", "127.0.0.2", "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["sslmode=verify-full", "localhost", "DEPTH_ZERO_SELF_SIGNED_CERT"],
    ["ssl=true", "localhost", "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ])("with %s to %s: %s", async (query, host, outcome) => {
    const filled = query.replace("AUTHORITY", authority).replace("STRANGER", stranger);
    expect(await connect(`${base.replace("127.0.0.1", host)}?${filled}`)).toBe(outcome);
  });
});
