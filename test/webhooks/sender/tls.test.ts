/** Webhooks over TLS: the receiver's certificate is checked, and an operator can make Node.js trust a private authority. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makeCertificate } from "../../support/certificate.js";
import { watchProgram } from "../../support/program.js";
import { startReceiver } from "../../support/receiver.js";
import { temporaryDirectory } from "../../support/temporary.js";
import { message, openSender, target } from "../../support/webhook-sending.js";

it("refuses a certificate of an unknown authority, and sends nothing", async () => {
  const receiver = await startReceiver(undefined, { tls: makeCertificate() });
  const { outcome, cause, error } = await openSender().send(target(receiver.origin), message());
  expect({ outcome, cause }).toEqual({ outcome: "retry", cause: "tls_failed" });
  expect(error).toBe("The connection failed at TLS (DEPTH_ZERO_SELF_SIGNED_CERT).");
  expect(receiver.requests).toEqual([]);
});

it("says that a receiver without TLS has none", async () => {
  const receiver = await startReceiver();
  const { cause } = await openSender().send(target(receiver.origin.replace("http:", "https:")), message());
  expect(cause).toBe("tls_failed");
});

const program = `
  import { createWebhookSender } from "./dist/src/webhooks/sender/sender.js";
  const sender = createWebhookSender({ version: "0.0.0", allowPrivate: ["127.0.0.0/8"] });
  const message = { id: "id", type: "message.status", attempt: 1, body: Buffer.from("{}") };
  for (const url of process.argv.slice(1)) {
    const target = { url, byEvents: false, authorization: undefined, secrets: [], timeoutSeconds: 10 };
    const { outcome, error } = await sender.send(target, message);
    console.log(outcome, error);
  }
  await sender.close();
`;

it("trusts the authority that NODE_EXTRA_CA_CERTS names, for the names of its certificate alone", async () => {
  const certificate = makeCertificate();
  const file = join(temporaryDirectory(), "authority.pem");
  writeFileSync(file, certificate.cert);
  const receiver = await startReceiver(undefined, { tls: certificate });
  const byOtherAddress = await startReceiver(undefined, { tls: certificate, host: "127.0.0.2" });
  const urls = [receiver.origin, `https://localhost:${receiver.port}`, byOtherAddress.origin];
  const args = ["--input-type=module", "--eval", program, ...urls];
  const sending = watchProgram(process.execPath, args, { NODE_EXTRA_CA_CERTS: file });
  await sending.ended;
  expect(sending.stderr).toBe("");
  expect(sending.stdout.trim().split("\n")).toEqual([
    "delivered undefined",
    "delivered undefined",
    "retry The connection failed at TLS (ERR_TLS_CERT_ALTNAME_INVALID).",
  ]);
  expect([receiver.requests.length, byOtherAddress.requests.length]).toEqual([2, 0]);
});
