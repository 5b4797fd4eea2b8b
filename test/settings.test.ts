/** Settings: defaults, bounds, and the one sentence that names what is wrong. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { settingTable } from "../src/settings/setting-table.js";
import { type Environment, readSettings, type SettingRow } from "../src/settings/settings.js";
import { refusal } from "./support/setting-refusal.js";

const key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

describe("defaults", () => {
  it("are those of the contract", () => {
    expect(readSettings({})).toMatchObject({
      port: 8080,
      grpcPort: 9090,
      dataDir: resolve("data"),
      rateLimitGlobal: 100,
      rateLimitCreate: 20,
      rateLimitPublish: 0,
      publishMaxBytes: 16 * 1024 * 1024,
      mediaMaxBytes: 8 * 1024 * 1024,
      socketPendingBytesMax: 64 * 1024 * 1024,
      idleTimeoutSeconds: 48,
      accountInstanceQuota: 0,
      allowedOrigins: [],
      databaseUrl: undefined,
      accountToken: undefined,
      encryptionKey: undefined,
      logLevel: "info",
    });
  });

  it("let WORKERS be a number, or as many as there are cores", () => {
    expect(readSettings({}).workers).toBe(1);
    expect(readSettings({ WORKERS: "16" }).workers).toBe(16);
    expect(readSettings({ WORKERS: "auto" }).workers).toBe(Math.min(availableParallelism(), 64));
  });

  it("hold for empty variables too", () => {
    const empty = Object.fromEntries(Object.values(settingTable).map(({ env }) => [env, ""]));
    expect(readSettings({ ...empty, NATS_URL: "", WORKERS: "" })).toEqual(readSettings({}));
  });

  it("are within their own bounds", () => {
    for (const { kind, fallback } of Object.values<SettingRow>(settingTable)) {
      if (typeof fallback === "number") expect(kind.parse(String(fallback))).toBe(fallback);
    }
  });
});

describe("the public URL", () => {
  it.each([
    { env: {}, url: "http://localhost:8080" },
    { env: { PORT: "80" }, url: "http://localhost" },
    { env: { HOST: "10.0.0.7", PORT: "8081" }, url: "http://10.0.0.7:8081" },
    { env: { HOST: "::" }, url: "http://localhost:8080" },
    { env: { HOST: "::1" }, url: "http://[::1]:8080" },
    { env: { PUBLIC_URL: "https://wa.example.net/" }, url: "https://wa.example.net" },
    { env: { PUBLIC_URL: "https://example.net/gate//" }, url: "https://example.net/gate" },
  ])("of $env is $url", ({ env, url }) => {
    expect(readSettings(env as Environment).publicUrl).toBe(url);
  });
});

describe("allowed origins", () => {
  it.each([
    { text: "*", origins: ["*"] },
    { text: "https://a.example, http://localhost:3000", origins: ["https://a.example", "http://localhost:3000"] },
    { text: "HTTPS://A.example:443/", origins: ["https://a.example"] },
    { text: "https://*.Example.net:443", origins: ["https://*.example.net"] },
    { text: "capacitor://localhost", origins: ["capacitor://localhost"] },
  ])("$text is $origins", ({ text, origins }) => {
    expect(readSettings({ ALLOWED_ORIGINS: text }).allowedOrigins).toEqual(origins);
  });
});

describe("the encryption key", () => {
  it("is the same as hexadecimal digits and as base64", () => {
    const bytes = Buffer.from(key, "hex");
    expect(readSettings({ ENCRYPTION_KEY: key }).encryptionKey).toEqual(bytes);
    expect(readSettings({ ENCRYPTION_KEY: bytes.toString("base64") }).encryptionKey).toEqual(bytes);
  });
});

describe("a wrong value", () => {
  it.each([
    ["PORT", "abc"],
    ["PORT", "65536"],
    ["PORT", "-1"],
    ["PORT", "80.5"],
    ["PORT", " 80"],
    ["PORT", "0x50"],
    ["GRPC_PORT", "1e3"],
    ["HOST", "not a host"],
    ["HOST", "http://localhost"],
    ["HOST", "300.1.1.1"],
    ["PUBLIC_URL", "wa.example.net"],
    ["PUBLIC_URL", "ftp://wa.example.net"],
    ["DATA_DIR", "a\0b"],
    ["ALLOWED_ORIGINS", "a.example"],
    ["ALLOWED_ORIGINS", "https://a.example/path"],
    ["ALLOWED_ORIGINS", "https://a.example,"],
    ["ALLOWED_ORIGINS", "*.example.net"],
    ["ALLOWED_ORIGINS", "https://*"],
    ["ALLOWED_ORIGINS", "https://app*.example.net"],
    ["ALLOWED_ORIGINS", "https://a.*.example.net"],
    ["ALLOWED_ORIGINS", "https://*.*.example.net"],
    ["ALLOWED_ORIGINS", "*://a.example.net"],
    ["ALLOWED_ORIGINS", "https://a.example https://b.example"],
    ["RATE_LIMIT_GLOBAL", "-5"],
    ["RATE_LIMIT_CREATE", "many"],
    ["RATE_LIMIT_PUBLISH", "1000000001"],
    ["ACCOUNT_INSTANCE_QUOTA", "1.5"],
    ["PUBLISH_MAX_BYTES", "16MiB"],
    ["PUBLISH_MAX_BYTES", "1023"],
    ["MEDIA_MAX_BYTES", "999999999999"],
    ["SOCKET_PENDING_BYTES_MAX", "0"],
    ["IDLE_TIMEOUT_SECONDS", "7"],
    ["IDLE_TIMEOUT_SECONDS", "57"],
    ["DRAIN_SECONDS", "301"],
    ["TLS_CERT", "/nowhere/cert.pem"],
    ["TLS_KEY", "/"],
    ["LOG_LEVEL", "loud"],
    ["LOG_LEVEL", "INFO"],
    ["WORKERS", "0"],
    ["WORKERS", "65"],
    ["WORKERS", "all"],
    ["WEBHOOK_ALLOW_PRIVATE", "10.0.0.1"],
    ["WEBHOOK_ALLOW_PRIVATE", "10.0.0.0/33"],
    ["WEBHOOK_ALLOW_PRIVATE", "fd00::/129"],
    ["WEBHOOK_ALLOW_PRIVATE", "10.0.0.0/8,"],
    ["WEBHOOK_ALLOW_PRIVATE", "localhost/8"],
    ["WEBHOOK_ALLOW_PRIVATE", "127.1/8"],
    ["WEBHOOK_RETRY_SECONDS", "0"],
    ["WEBHOOK_RETRY_SECONDS", "5,,30"],
    ["WEBHOOK_RETRY_SECONDS", "5,1.5"],
    ["WEBHOOK_RETRY_SECONDS", Array(31).fill("5").join()],
  ])("of %s, such as %s, is shown in a sentence that names it", (name, value) => {
    const message = refusal({ [name]: value });
    expect(message).toMatch(/^[A-Z_]+ is ".*", but must .*\.$/s);
    expect(message.startsWith(`${name} is "${value}"`)).toBe(true);
  });

  it("is that both ports are the same", () => {
    expect(refusal({ PORT: "9090" })).toBe("GRPC_PORT is 9090, but must differ from PORT.");
    expect(readSettings({ PORT: "0", GRPC_PORT: "0" })).toMatchObject({ port: 0, grpcPort: 0 });
  });
});

describe("webhooks", () => {
  it("may send to the ranges of WEBHOOK_ALLOW_PRIVATE, and to none when it is unset", () => {
    expect(readSettings({}).webhookAllowPrivate).toEqual([]);
    const ranges = readSettings({ WEBHOOK_ALLOW_PRIVATE: "127.0.0.0/8, fd00::/8,10.1.2.3/32" }).webhookAllowPrivate;
    expect(ranges).toEqual(["127.0.0.0/8", "fd00::/8", "10.1.2.3/32"]);
  });

  it("try again after the delays of WEBHOOK_RETRY_SECONDS", () => {
    expect(readSettings({}).webhookRetrySeconds).toEqual([5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 36_000]);
    expect(readSettings({ WEBHOOK_RETRY_SECONDS: "1, 2,604800" }).webhookRetrySeconds).toEqual([1, 2, 604_800]);
  });
});

describe("NATS", () => {
  const directory = mkdtempSync(join(tmpdir(), "eventwire-nats-"));
  const file = join(directory, "file");
  writeFileSync(file, "");
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const url = { NATS_URL: "nats://a:4222" };

  it("is reached as the settings say", () => {
    expect(
      readSettings({
        NATS_URL: "nats://a:4222, tls://b.example.net",
        NATS_SUBJECT_PREFIX: "prod.eu_1",
        NATS_USER: "node",
        NATS_PASSWORD: "hunter22",
        NATS_TLS_CA: file,
        NATS_TLS_CERT: file,
        NATS_TLS_KEY: file,
        BUS_OUTAGE: "refuse",
      }),
    ).toMatchObject({
      natsUrl: ["nats://a:4222", "tls://b.example.net"],
      natsSubjectPrefix: "prod.eu_1",
      natsUser: "node",
      natsPassword: "hunter22",
      natsTlsCa: file,
      natsTlsCert: file,
      natsTlsKey: file,
      busOutage: "refuse",
    });
    expect(readSettings(url)).toMatchObject({ natsSubjectPrefix: "eventwire", busOutage: "accept" });
    expect(readSettings({ ...url, NATS_TOKEN: "hunter22" }).natsToken).toBe("hunter22");
    expect(readSettings({ ...url, NATS_NKEY_FILE: file }).natsNkeyFile).toBe(file);
    expect(readSettings({ ...url, NATS_CREDS_FILE: file }).natsCredsFile).toBe(file);
  });

  it.each([
    ["NATS_SUBJECT_PREFIX", "event wire"],
    ["NATS_SUBJECT_PREFIX", "eventwire.>"],
    ["NATS_SUBJECT_PREFIX", "a..b"],
    ["NATS_NKEY_FILE", "/nowhere/seed"],
    ["NATS_CREDS_FILE", "/nowhere/creds"],
    ["NATS_TLS_CA", "/nowhere/ca"],
    ["NATS_TLS_CERT", "/nowhere/cert"],
    ["NATS_TLS_KEY", "/nowhere/key"],
    ["BUS_OUTAGE", "ignore"],
  ])("refuses %s such as %s, and shows it", (name, value) => {
    expect(refusal({ ...url, [name]: value })).toMatch(new RegExp(`^${name} is ".*", but must be .*\\.$`));
  });

  it.each([
    ["NATS_USER", "NATS_PASSWORD"],
    ["NATS_TLS_CERT", "NATS_TLS_KEY"],
  ])("needs both %s and %s", (one, other) => {
    for (const [given, missing] of [
      [one, other],
      [other, one],
    ] as const)
      expect(refusal({ ...url, [given]: file })).toBe(
        `${given} is set without ${missing}, but they must be set together.`,
      );
  });

  const ways = {
    NATS_USER: { NATS_USER: "hunter22", NATS_PASSWORD: "hunter22" },
    NATS_TOKEN: { NATS_TOKEN: "hunter22" },
    NATS_NKEY_FILE: { NATS_NKEY_FILE: file },
    NATS_CREDS_FILE: { NATS_CREDS_FILE: file },
  };
  const names = Object.keys(ways) as (keyof typeof ways)[];

  it.each(names.flatMap((one, at) => names.slice(at + 1).map((other) => [one, other] as const)))(
    "takes one way to say who we are, not %s and %s",
    (one, other) => {
      const message = refusal({ ...url, ...ways[one], ...ways[other] });
      expect(message).toBe(`${one} and ${other} are both set, but only one of them can be used.`);
    },
  );

  it.each(names)("has no use for %s without a server", (name) => {
    const message = refusal(ways[name]);
    expect(message).toBe(`${name} is set without NATS_URL.`);
    expect(message).not.toContain("hunter22");
  });
});

describe("TLS", () => {
  let directory: string;
  const file = (name: string): string => join(directory, name);

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "eventwire-tls-"));
    for (const name of ["one", "two"]) {
      execFileSync(
        "openssl",
        [
          ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
          ...["-keyout", file(`${name}.key`), "-out", file(`${name}.crt`), "-subj", "/CN=localhost", "-days", "2"],
        ],
        { stdio: "ignore" },
      );
    }
    writeFileSync(file("empty"), "");
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("takes a certificate with its key and serves https", () => {
    const settings = readSettings({ TLS_CERT: file("one.crt"), TLS_KEY: file("one.key") });
    expect(settings.publicUrl).toBe("https://localhost:8080");
  });

  it("needs both settings", () => {
    expect(refusal({ TLS_CERT: file("one.crt") })).toBe(
      "TLS_CERT is set without TLS_KEY, but they must be set together.",
    );
    expect(refusal({ TLS_KEY: file("one.key") })).toBe(
      "TLS_KEY is set without TLS_CERT, but they must be set together.",
    );
  });

  it.each([
    ["one.crt", "two.key"],
    ["one.key", "one.crt"],
    ["empty", "one.key"],
  ])("refuses %s with %s", (cert, tlsKey) => {
    expect(refusal({ TLS_CERT: file(cert), TLS_KEY: file(tlsKey) })).toMatch(/^TLS_CERT is ".*", but must be .*\.$/);
  });
});
