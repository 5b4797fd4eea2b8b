/**
 * Reads the settings from the environment and checks them. For a wrong setting it throws an error of one sentence that
 * names the setting.
 */

import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { clientSettingTable } from "./client-setting-table.js";
import { localUrl } from "./local-url.js";
import type { Kind } from "./setting-kinds.js";
import { settingTable } from "./setting-table.js";

/**
 * The error for a wrong setting. Its message is for the operator: it names the setting and the allowed values, and
 * never shows a secret.
 */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

type Table = Readonly<Record<string, SettingRow>>;
type Parsed<Row> = Row extends { kind: Kind<infer T> } ? T : never;

type Values<T extends Table> = {
  readonly [Name in keyof T]: undefined extends T[Name]["fallback"] ? Parsed<T[Name]> | undefined : Parsed<T[Name]>;
};

type Read = Values<typeof settingTable>;

/** The checked settings of the service. `publicUrl` and `grpcHost` have a value even when their variables are unset. */
export type Settings = Omit<Read, "publicUrl" | "grpcHost"> & { readonly publicUrl: string; readonly grpcHost: string };

/** One row of a table of settings. The readers below and the generated documentation read these fields. */
export interface SettingRow {
  readonly env: string;
  readonly kind: Kind<unknown>;
  readonly fallback: unknown;
  readonly meaning: string;
  readonly unit?: string;
  /** The default in words, for the documentation, when `fallback` is not a plain value. */
  readonly shown?: string;
  /** Whether the value is a secret, which no error message shows. */
  readonly secret?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks all settings of the service. A variable with an empty text counts as unset. Throws SettingError for
 * the first wrong setting.
 */
export function readSettings(env: Environment): Settings {
  const read = readTable(settingTable, env);
  if (read.port === read.grpcPort && read.port !== 0) {
    throw new SettingError(`GRPC_PORT is ${read.grpcPort}, but must differ from PORT.`);
  }
  checkTls(read);
  checkNats(read);
  const grpcHost = read.grpcHost ?? read.host;
  return { ...read, grpcHost, publicUrl: read.publicUrl ?? localUrl(read.tlsCert !== undefined, read.host, read.port) };
}

/** The settings of `tail` and `publish`, the commands that speak to a running service. */
export type ClientSettings = Values<typeof clientSettingTable>;

/**
 * Reads only the settings of these commands, because the service may run on another machine, with settings of its own.
 * Throws SettingError.
 */
export function readClientSettings(env: Environment): ClientSettings {
  return readTable(clientSettingTable, env);
}

function readTable<T extends Table>(table: T, env: Environment): Values<T> {
  const values = Object.entries(table).map(([name, row]) => [name, readSetting(row, env[row.env])]);
  return Object.fromEntries(values) as Values<T>;
}

function readSetting(row: SettingRow, text: string | undefined): unknown {
  if (text === undefined || text === "") {
    // A default that is a text is parsed like a value, so that a relative path becomes an absolute one.
    return typeof row.fallback === "string" ? row.kind.parse(row.fallback) : row.fallback;
  }
  const value = row.kind.parse(text);
  if (value !== undefined) return value;
  throw new SettingError(
    row.secret || mayHoldSecret(text)
      ? `${row.env} must be ${row.kind.allowed}.`
      : `${row.env} is "${text}", but must be ${row.kind.allowed}.`,
  );
}

/**
 * Whether the value may hold a secret, so that an error must not show it. A URL can have a password before its `@`, and
 * a token after its `?` or `#`.
 */
function mayHoldSecret(text: string): boolean {
  return /[@?#]/.test(text);
}

function checkTls({ tlsCert, tlsKey }: Read): void {
  requirePair("TLS_CERT", tlsCert, "TLS_KEY", tlsKey);
  if (tlsCert === undefined || tlsKey === undefined) return;
  try {
    createSecureContext({ cert: readFileSync(tlsCert), key: readFileSync(tlsKey) });
  } catch {
    throw new SettingError(`TLS_CERT is "${tlsCert}", but must be a certificate in PEM that belongs to TLS_KEY.`);
  }
}

function requirePair(nameOfA: string, a: string | undefined, nameOfB: string, b: string | undefined): void {
  if ((a === undefined) === (b === undefined)) return;
  const [given, missing] = a === undefined ? [nameOfB, nameOfA] : [nameOfA, nameOfB];
  throw new SettingError(`${given} is set without ${missing}, but they must be set together.`);
}

/**
 * Checks the NATS settings together. Only one way to log in may be set, and only with NATS_URL. A user needs a
 * password, a certificate needs a key, and the other way round.
 */
function checkNats(read: Read): void {
  const { natsUser, natsPassword, natsToken, natsNkeyFile, natsCredsFile, natsTlsCert, natsTlsKey } = read;
  requirePair("NATS_USER", natsUser, "NATS_PASSWORD", natsPassword);
  requirePair("NATS_TLS_CERT", natsTlsCert, "NATS_TLS_KEY", natsTlsKey);
  const ways = {
    NATS_USER: natsUser,
    NATS_TOKEN: natsToken,
    NATS_NKEY_FILE: natsNkeyFile,
    NATS_CREDS_FILE: natsCredsFile,
  };
  const [first, second] = Object.entries(ways).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (second !== undefined)
    throw new SettingError(`${first} and ${second} are both set, but only one of them can be used.`);
  if (first !== undefined && read.natsUrl === undefined) throw new SettingError(`${first} is set without NATS_URL.`);
}
