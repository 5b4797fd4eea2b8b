/** The sentence that refuses a setting never shows a secret. */

import { describe, expect, it } from "vitest";
import { readSettings } from "../src/settings/settings.js";
import { refusal } from "./support/setting-refusal.js";

const key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

describe("a wrong value", () => {
  it.each([
    ["DATABASE_URL", "mysql://root:hunter22@db/x"],
    ["DATABASE_URL", "hunter22"],
    ["ACCOUNT_TOKEN", "hunter2"],
    ["ACCOUNT_TOKEN", "hunter22 hunter22"],
    ["ENCRYPTION_KEY", "hunter22"],
    ["ENCRYPTION_KEY", key.slice(1)],
  ])("of %s is not shown: it is a secret", (name, value) => {
    const message = refusal({ [name]: value });
    expect(message).toMatch(new RegExp(`^${name} must be .*\\.$`));
    expect(message).not.toContain(value);
    expect(message).not.toContain("hunter2");
  });

  it.each([
    ["PUBLIC_URL", "https://hunter22@wa.example.net"],
    ["PUBLIC_URL", "https://user:hunter22@wa.example.net"],
    ["PUBLIC_URL", "https://user:hun@ter22/@wa.example.net"],
    ["PUBLIC_URL", "ftp://user:hunter22@wa.example.net"],
    ["PUBLIC_URL", "user:hunter22@wa.example.net"],
    ["PUBLIC_URL", "https://wa.example.net?token=hunter22"],
    ["PUBLIC_URL", "https://wa.example.net#hunter22"],
    ["ALLOWED_ORIGINS", "https://a.example,https://user:hunter22@b.example"],
    ["HOST", "user:hunter22@wa.example.net"],
    ["PORT", "https://user:hunter22@wa.example.net"],
    ["LOG_LEVEL", "postgres://user:hunter22@db/x"],
    ["TLS_CERT", "https://user:hunter22@files/cert.pem"],
    ["NATS_SUBJECT_PREFIX", "nats://user:hunter22@nats:4222"],
    ["NATS_URL", "nats://user:hunter22@nats:4222"],
    ["NATS_URL", "nats://user:hunter22"],
  ])("of %s, such as %s, is not shown: it may hold a secret", (name, value) => {
    const message = refusal({ [name]: value });
    expect(message).toMatch(new RegExp(`^${name} must be .*\\.$`));
    expect(message).not.toMatch(/hun|ter22/);
  });

  it.each([
    "postgres://user:hun@ter22@db/x",
    "postgres://user:hun@ter22#more@db/x",
    "postgres://user:hun@ter22/more@db/x",
    "postgres://user:hun@ter22?more@db/x",
    "postgres://user:12#hunter22@db/x",
    "postgres://user:12/hunter22@db/x",
    "postgres://user:12?hunter22@db/x",
    "postgres://user:hunter22#@db/x",
    "postgres://us@er:hunter22@db/x",
    "postgresql://user:@hunter22@db/x",
    "postgres://user:pw@db/x?password=hun@ter22",
    "postgres://user:pw@db/x#hunter22",
  ])("of DATABASE_URL is one whose password is cut by a character of its own, such as %s", (url) => {
    const message = refusal({ DATABASE_URL: url });
    expect(message).toMatch(/^DATABASE_URL must be .* with %40, %2F, %3F and %23 in place of @, \/, \? and # .*\.$/);
    expect(message).not.toMatch(/hun|ter22/);
  });

  it.each([
    "postgres://user:hun%40ter%23%2F%3F22@db/x",
    "postgres://user@db:5432/x?sslmode=disable",
    "postgres://user:pw@%2Frun%2Fpostgresql/x",
    "postgresql:///x?host=/run/postgresql",
    "postgres://user:100%@[::1]/x",
  ])("of DATABASE_URL is not %s", (url) => {
    expect(readSettings({ DATABASE_URL: url }).databaseUrl).toBe(url);
  });
});
