/** What a log line may not contain, however it got into the call. */

import { describe, expect, it } from "vitest";
import { createLogger } from "../src/observability/log.js";

const secret = "ta_5ecret-with\"quote'and\\slash";
const plain = "ta_5ecret0123456789";

function lines(readable = false): { logger: ReturnType<typeof createLogger>; text: () => string } {
  let text = "";
  const destination = {
    write(line: string) {
      text += line;
    },
  };
  return { logger: createLogger({ level: "trace", destination, readable }), text: () => text };
}

describe("a log line", () => {
  it("is one JSON object with time, level and message", () => {
    const { logger, text } = lines();
    logger.info({ instanceId: "i-1" }, "instance created");
    expect(JSON.parse(text())).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      instanceId: "i-1",
      msg: "instance created",
    });
  });

  it("is readable on a terminal", () => {
    const { logger, text } = lines(true);
    logger.warn({ token: plain }, "careful");
    expect(text()).toContain("careful");
    expect(text()).toContain("WARN");
    expect(text()).not.toContain(plain);
  });

  it("tells an error with its causes and fields", () => {
    const { logger, text } = lines();
    logger.error({ err: Object.assign(new Error("outer", { cause: new Error("inner") }), { code: "E1" }) }, "failed");
    const { err } = JSON.parse(text());
    expect(err).toMatchObject({ type: "Error", message: "outer", code: "E1", cause: { message: "inner" } });
    expect(err.stack).toContain("log.test");
  });
});

describe("no token is in a line", () => {
  it.each<[string, (log: ReturnType<typeof createLogger>, token: string) => void]>([
    ["as a field", (log, token) => log.info({ token, instanceToken: token, account_token: token }, "x")],
    ["as a nested field", (log, token) => log.info({ request: { headers: { Token: token } }, list: [{ token }] }, "x")],
    ["as an Authorization header", (log, token) => log.info({ headers: { authorization: `Bearer ${token}` } }, "x")],
    ["in Headers", (log, token) => log.info({ headers: new Headers({ token: encodeURIComponent(token) }) }, "x")],
    ["in a Map", (log, token) => log.info({ headers: new Map([["token", token]]) }, "x")],
    ["in bytes", (log, token) => log.info({ body: Buffer.from(token) }, "x")],
    ["as a ticket", (log, token) => log.info({ ticket: token, request: { ticket: token } }, "x")],
    ["as the encryption key", (log, token) => log.info({ encryptionKey: token, ENCRYPTION_KEY: token }, "x")],
    ["as a binding of a child", (log, token) => log.child({ token }).info("x")],
    [
      "deep in a structure",
      (log, token) => log.info({ a: { b: { c: { d: { e: { f: { g: { h: { token } } } } } } } } }, "x"),
    ],
  ])("%s", (_, write) => {
    for (const token of [secret, plain]) {
      const { logger, text } = lines();
      write(logger, token);
      expect(text()).not.toContain("5ecret");
      expect(JSON.parse(text()).msg).toBe("x");
    }
  });

  it.each<[string, (token: string) => string]>([
    ["a query string", (token) => `GET /ws/desk-1?token=${token}&v=1`],
    ["a later query parameter", (token) => `GET /ws/desk-1?v=1&token=${token}`],
    ["a ticket in a query string", (token) => `GET /ws/desk-1?ticket=${token}`],
    ["JSON with a ticket", (token) => `{"success":true,"ticket":"${token}"}`],
    ["an upper-case query parameter", (token) => `GET /ws/desk-1?Token=${token}`],
    ["an Authorization header", (token) => `Authorization: Bearer ${token}`],
    ["a bearer alone", (token) => `bearer   ${token}`],
    ["a token header", (token) => `token: ${token}`],
    ["JSON", (token) => `{"token":"${token}"}`],
    ["the password of a URL", (token) => `connect postgres://eventwire:${token}@db:5432/eventwire failed`],
  ])("that says it as %s, in message, value, error or field", (_, say) => {
    const said = say(plain);
    const { logger, text } = lines();
    logger.info(said);
    logger.info("value %s", said);
    logger.info({ url: said }, "x");
    logger.error(new Error(said));
    logger.error({ err: new Error("outer", { cause: new Error(said) }) }, "x");
    expect(text()).not.toContain("5ecret");
    for (const line of text().trim().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
  });

  it("also when it has quotes and backslashes of its own", () => {
    const { logger, text } = lines();
    logger.info(`GET /ws/desk-1?token=ta_5"ecret\\tail`);
    expect(text()).not.toContain("ecret");
    expect(text()).not.toContain("tail");
  });

  it("while what surrounds it stays", () => {
    const { logger, text } = lines();
    logger.info(`GET /ws/desk-1?token=${plain}&v=1 from 10.0.0.7`);
    expect(JSON.parse(text()).msg).toBe("GET /ws/desk-1?token=[redacted]&v=1 from 10.0.0.7");
  });
});
