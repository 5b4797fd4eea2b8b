/**
 * Reads DATABASE_URL much as libpq does. A parameter that Eventwire does not know or cannot obey is refused with a
 * sentence, and not ignored.
 */

import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type pg from "pg";

/**
 * The known parameters of DATABASE_URL. The driver handles those in `passed`, this file handles those in `read`, and
 * those in `needless` are accepted without effect.
 */
const passed = ["host", "port", "user", "password", "dbname", "options", "sslnegotiation"];
const needless = ["application_name", "fallback_application_name", "client_encoding", "connect_timeout", "gssencmode"];
const read = [
  "ssl",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "uselibpqcompat",
  "target_session_attrs",
  "require_auth",
];
const known = new Set([...passed, ...needless, ...read, "channel_binding"]);

const scram = "scram-sha-256";

/**
 * Turns DATABASE_URL into a configuration for the driver. Throws a sentence that names the wrong parameter. The
 * sentence never shows a password.
 */
export function readConnectionUrl(url: string): pg.ClientConfig {
  const [base = "", query = ""] = url.split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!known.has(name)) throw refused(name, `is not known. Take it out${hints[name] ?? ""}`);
  }
  const host = parameters.get("host") ?? /^[^/]*\/\/(?:[^@/]*@)?([^/?#]*)/.exec(base)?.[1] ?? "";
  if (host.includes(",")) {
    throw new Error(
      "DATABASE_URL names several hosts, which is not supported: name one that always leads to the primary.",
    );
  }
  const wanted = parameters.get("target_session_attrs") ?? "any";
  if (!["any", "read-write", "primary"].includes(wanted)) {
    throw refused("target_session_attrs", "must be any, read-write or primary: a node writes");
  }
  if ((parameters.get("require_auth") ?? scram) !== scram) throw refused("require_auth", `must be ${scram}`);
  const ssl = readTls(parameters, host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1"));
  if (parameters.has("require_auth") && ssl) {
    throw refused("require_auth", "is for connections without TLS: TLS with sslmode=verify-full proves the server too");
  }
  for (const name of known) if (!passed.includes(name)) parameters.delete(name);
  const rest = parameters.toString().replaceAll("+", "%20");
  return {
    connectionString: rest === "" ? base : `${base}?${rest}`,
    ...(ssl !== undefined && { ssl }),
    ...(new URLSearchParams(query).get("channel_binding") === "require" && { enableChannelBinding: true }),
  };
}

const schemaHint = ", and set a schema with options=-csearch_path%3D<schema>, or for the role";
const hints: Readonly<Record<string, string>> = {
  schema: schemaHint,
  search_path: schemaHint,
  currentSchema: schemaHint,
};

/**
 * The TLS options of the connection. False when the URL forbids TLS. Undefined when the URL says nothing of TLS; then
 * the connection has no TLS either. `sslmode` wins over `ssl`.
 */
function readTls(parameters: URLSearchParams, host: string): ConnectionOptions | false | undefined {
  const mode = parameters.get("sslmode") ?? modeOf(parameters.get("ssl"));
  const system = parameters.get("sslrootcert") === "system";
  const ca = system ? undefined : fileOf(parameters, "sslrootcert");
  const cert = fileOf(parameters, "sslcert");
  const key = fileOf(parameters, "sslkey");
  const shared: ConnectionOptions = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    // The driver gives TLS the host only when the host is a name. For an IP address, TLS would then expect the
    // certificate of "localhost".
    ...(isIP(host) !== 0 && { host }),
  };
  switch (mode) {
    case undefined:
      if ((ca ?? cert ?? key) !== undefined)
        throw refused("sslmode", "is missing beside a certificate: add sslmode=verify-full");
      return undefined;
    case "disable":
      return false;
    case "no-verify":
      return { ...shared, rejectUnauthorized: false };
    case "require":
      // libpq treats `require` like `verify-ca` when a certificate authority is given, and so does this code.
      if (ca === undefined) return { ...shared, rejectUnauthorized: false };
      return { ...shared, checkServerIdentity: anyName };
    case "verify-ca":
      if (ca === undefined)
        throw refused("sslmode", "is verify-ca, which needs sslrootcert with the file of the authority");
      return { ...shared, checkServerIdentity: anyName };
    case "verify-full":
      return shared;
    default:
      throw refused(
        "sslmode",
        "must be disable, require, verify-ca or verify-full; allow and prefer are not supported",
      );
  }
}

const anyName = (): undefined => undefined;

/**
 * Translates the driver's own parameter `ssl` into libpq's `sslmode`: `true` and `1` into `verify-full`, `false` and
 * `0` into `disable`. Any other value stays as it is.
 */
function modeOf(ssl: string | null): string | undefined {
  if (ssl === null) return undefined;
  return ["true", "1"].includes(ssl) ? "verify-full" : ["false", "0"].includes(ssl) ? "disable" : ssl;
}

function fileOf(parameters: URLSearchParams, name: string): string | undefined {
  const path = parameters.get(name);
  if (path === null) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Error(`The file of ${name} in DATABASE_URL cannot be read.`, { cause });
  }
}

function refused(name: string, what: string): Error {
  return new Error(`The parameter ${name} of DATABASE_URL ${what}.`);
}
