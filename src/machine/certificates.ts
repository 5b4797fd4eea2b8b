/** Watches the files of the certificate. A new certificate comes into force without a restart. */

import { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Logger } from "pino";

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateTexts {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  /** Reads the files now. Never rejects. */
  read(): Promise<void>;
  close(): void;
}

const lookMs = 60_000;

/**
 * Looks once a minute at times and sizes of the files, so the program that renews them need not tell us. `renew` gets
 * each new pair that fits together. A pair that does not fit changes nothing and is logged.
 */
export function watchCertificates(
  {
    files,
    texts,
    renew,
    logger,
  }: {
    files: CertificateFiles;
    /** The texts that are in force now. */
    texts: CertificateTexts;
    renew: (texts: CertificateTexts) => void;
    logger: Logger;
  },
  everyMs = lookMs,
): Certificates {
  let current = texts;
  let seen: string | undefined;
  let reading = Promise.resolve();

  async function read(): Promise<void> {
    try {
      const next = { cert: await readFile(files.cert, "utf8"), key: await readFile(files.key, "utf8") };
      if (next.cert === current.cert && next.key === current.key) return;
      // Bytes and not text, because an empty text would count as no certificate at all. A file that is being written is
      // empty.
      createSecureContext({ cert: Buffer.from(next.cert), key: Buffer.from(next.key) });
      renew(next);
      current = next;
      logger.info({ validTo: new X509Certificate(next.cert).validTo }, "the certificate was renewed");
    } catch (error) {
      const { code = "", message } = error as NodeJS.ErrnoException;
      const cause = `${code} ${message}`.trim();
      logger.error(
        { cause },
        "TLS_CERT and TLS_KEY are not a certificate and its key now: the previous certificate and key stay in force",
      );
    }
  }

  async function look(): Promise<void> {
    const found = await signature(files);
    if (found === seen) return;
    seen = found;
    await read();
  }

  /** Runs the readings one after the other. */
  function next(work: () => Promise<void>): Promise<void> {
    reading = reading.then(work);
    return reading;
  }

  void next(look);
  const timer = setInterval(() => void next(look), everyMs);
  timer.unref();
  return {
    read: () => next(read),
    close: () => clearInterval(timer),
  };
}

async function signature({ cert, key }: CertificateFiles): Promise<string> {
  const of = (file: string) =>
    stat(file).then(
      ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
      () => "none",
    );
  return `${await of(cert)}, ${await of(key)}`;
}
