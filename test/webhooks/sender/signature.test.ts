/** Receivers that know Standard Webhooks, and not Eventwire, accept the signatures, also while a secret is replaced. */

import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { generateWebhookSecret } from "../../../src/domain/webhook-secret.js";
import { signWebhook, toSigningKey } from "../../../src/webhooks/sender/signature.js";
import { freePort } from "../../support/free-port.js";
import { watchProgram } from "../../support/program.js";
import { createProject } from "../../support/project.js";
import { startReceiver } from "../../support/receiver.js";
import { lacks } from "../../support/requirements.js";
import { message, openSender, target } from "../../support/webhook-sending.js";
import { webhooksBlock } from "../../support/webhooks-page.js";

/** The vector that the libraries of the specification share: secret, id, timestamp, body and signature. */
const vector = {
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
  timestamp: 1_614_265_330,
  body: Buffer.from('{"test": 2432232314}'),
  signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

describe("a signature", () => {
  it("is that of the shared test vector", () => {
    const { secret, id, timestamp, body, signature } = vector;
    expect(signWebhook([toSigningKey(secret)], id, timestamp, body)).toBe(signature);
  });

  it("is the same as that of the npm verifier for any key and body", () => {
    for (let size = 24; size <= 64; size++) {
      const secret = `whsec_${randomBytes(size).toString("base64")}`;
      const body = Buffer.from(JSON.stringify({ text: randomBytes(size).toString("base64"), é: "\u{1f600}" }));
      const wanted = new Webhook(secret).sign("id", new Date(vector.timestamp * 1000), body);
      expect(signWebhook([toSigningKey(secret)], "id", vector.timestamp, body)).toBe(wanted);
    }
  });

  it("stands once for each secret, the current one first", () => {
    const { id, timestamp, body, signature } = vector;
    const keys = [generateWebhookSecret(), vector.secret].map(toSigningKey);
    const both = signWebhook(keys, id, timestamp, body).split(" ");
    expect(both).toEqual([signWebhook(keys.slice(0, 1), id, timestamp, body), signature]);
  });
});

describe("a receiver with the npm verifier", () => {
  const frame = Buffer.from('{"event":"message.status","data":{"n":1.0e2,"é":"\\u00e9"},"instanceData":{}}');

  it("accepts what is sent to it, with the old secret and the new one while both are valid", async () => {
    const receiver = await startReceiver();
    const [current, previous, stranger] = [generateWebhookSecret(), generateWebhookSecret(), generateWebhookSecret()];
    const hook = target(receiver.origin, { secrets: [current, previous] });
    await openSender().send(hook, message({ body: frame }));
    const [{ headers, body } = { headers: {}, body: Buffer.alloc(0) }] = receiver.requests;
    for (const secret of [current, previous])
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(JSON.parse(frame.toString()));
    expect(() => new Webhook(stranger).verify(body, headers as Record<string, string>)).toThrow(
      "No matching signature",
    );
  });

  it("refuses a body of which one byte has changed", async () => {
    const receiver = await startReceiver();
    const secret = generateWebhookSecret();
    await openSender().send(target(receiver.origin, { secrets: [secret] }), message({ body: frame }));
    const { headers = {}, body = Buffer.alloc(0) } = receiver.requests[0] ?? {};
    body[body.length - 3] = 0x20;
    expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).toThrow("No matching signature");
  });
});

const withoutPython = await lacks("python3");

describe("a receiver as docs/WEBHOOKS.md shows it", () => {
  it.skipIf(withoutPython)(
    "in a few lines of Python, accepts its secret, current or previous, and no other",
    async () => {
      const secret = generateWebhookSecret();
      const verify = webhooksBlock("Check the signature", "python");
      expect(verify.split("\n").filter((line) => line !== "").length).toBeLessThanOrEqual(20);
      const receiver = watchProgram("python3", ["test/support/python/webhook_receiver.py", secret, verify]);
      await receiver.printed(".");
      await expectCheck(`http://127.0.0.1:${/port (\d+)/.exec(receiver.stdout)?.[1]}/hook`, secret);
    },
  );

  it("in Node.js with the npm package, accepts its secret, current or previous, and no other", async () => {
    const secret = generateWebhookSecret();
    const port = await freePort();
    const code = webhooksBlock("Check the signature", "js").replace(
      "listen(9000)",
      `listen(${port}, () => console.log("listens"))`,
    );
    const module = createProject(code, ["standardwebhooks", "@stablelib", "fast-sha256"]);
    const receiver = watchProgram(process.execPath, [module], { WEBHOOK_SECRET: secret });
    await receiver.printed("listens");
    await expectCheck(`http://127.0.0.1:${port}/`, secret);
    expect(receiver.stdout).toContain(`${message().id} message.status {}\n`);
  });
});

/** A receiver at the URL takes what is signed with its secret, alone or beside another one, and answers 401 to the rest. */
async function expectCheck(url: string, secret: string): Promise<void> {
  const sender = openSender();
  async function outcomeWith(...secrets: string[]): Promise<string> {
    return (await sender.send(target(url, { secrets }), message())).outcome;
  }
  expect(await outcomeWith(secret)).toBe("delivered");
  expect(await outcomeWith(generateWebhookSecret(), secret)).toBe("delivered");
  expect(await outcomeWith(secret, generateWebhookSecret())).toBe("delivered");
  expect(await outcomeWith(generateWebhookSecret())).toBe("pause");
  expect(await outcomeWith()).toBe("pause");
}
