/** Files of a certificate that change, without anybody who says so. */

import { renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { type CertificateTexts, watchCertificates } from "../src/machine/certificates.js";
import { makeCertificate } from "./support/certificate.js";
import { temporaryDirectory } from "./support/temporary.js";
import { until } from "./support/until.js";

function watch() {
  const folder = temporaryDirectory();
  const texts = makeCertificate();
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  writeFileSync(files.cert, texts.cert);
  writeFileSync(files.key, texts.key);
  const renewals: CertificateTexts[] = [];
  const log: string[] = [];
  const logger = pino({}, { write: (line: string) => void log.push(line) });
  const renew = (next: CertificateTexts) => void renewals.push(next);
  const watched = watchCertificates({ files, texts, renew, logger }, 20);
  onTestFinished(() => watched.close());
  return { folder, files, renewals, log, watched };
}

it("a new pair is found, once", async () => {
  const { files, renewals, log, watched } = watch();
  await watched.read();
  const next = makeCertificate();
  writeFileSync(files.cert, next.cert);
  writeFileSync(files.key, next.key);
  await until(() => renewals.length > 0);
  await watched.read();
  await watched.read();
  expect(renewals).toEqual([next]);
  expect(log.at(-1)).toMatch(/"validTo":"[^"]+ GMT"/);
});

it("half of a new pair changes nothing until the other half is there", async () => {
  const { files, renewals, log } = watch();
  const next = makeCertificate();
  writeFileSync(files.cert, next.cert);
  await until(() => log.some((line) => line.includes("stay in force")));
  expect(renewals).toEqual([]);
  writeFileSync(files.key, next.key);
  await until(() => renewals.length > 0);
  expect(renewals).toEqual([next]);
});

it("a link that is turned to new files is followed, as certbot and Kubernetes do it", async () => {
  const { folder, files, renewals } = watch();
  const next = makeCertificate();
  for (const name of ["cert", "key"] as const) {
    const target = join(folder, `${name}-2.pem`);
    writeFileSync(target, next[name]);
    symlinkSync(target, join(folder, "link"));
    renameSync(join(folder, "link"), files[name]);
  }
  await until(() => renewals.length > 0);
  expect(renewals).toEqual([next]);
});

it("files that are gone are logged without their content, and change nothing", async () => {
  const { files, renewals, log } = watch();
  rmSync(files.key);
  await until(() => log.some((line) => line.includes("ENOENT")));
  expect(renewals).toEqual([]);
  expect(log.join()).not.toContain("BEGIN");
});

it.each([
  ["certificate", { cert: "" }],
  ["key", { key: "" }],
  ["pair", { cert: "", key: "" }],
])("an empty %s, as while it is being written, changes nothing", async (_, empty) => {
  const { files, renewals, log, watched } = watch();
  const next = { ...makeCertificate(), ...empty };
  writeFileSync(files.cert, next.cert);
  writeFileSync(files.key, next.key);
  await watched.read();
  await until(() => log.some((line) => line.includes("stay in force")));
  expect(renewals).toEqual([]);
});
