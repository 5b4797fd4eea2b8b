/** Looks after the files of the certificate: what they hold anew comes into force without a restart. */

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
 * Looks once a minute whether the files have changed, by their times and sizes; whoever renews them need not say so.
 * `renew` hears of a pair that fits together and is not the one before. One that does not fit changes nothing and is logged.
 */
export function watchCertificates(
  {
    files,
    texts,
    renew,
    logger,
  }: {
    files: CertificateFiles;
    /** In force now. */
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
      // As bytes: an empty text would count as none. A file that is being written is empty.
      createSecureContext({ cert: Buffer.from(next.cert), key: Buffer.from(next.key) });
      renew(next);
      current = next;
      logger.info({ validTo: new X509Certificate(next.cert).validTo }, "the certificate was renewed");
    } catch (error) {
      const { code = "", message } = error as NodeJS.ErrnoException;
      const cause = `${code} ${message}`.trim();
      logger.error({ cause }, "TLS_CERT and TLS_KEY are no certificate and its key now: the ones before stay in force");
    }
  }

  async function look(): Promise<void> {
    const found = await signature(files);
    if (found === seen) return;
    seen = found;
    await read();
  }

  /** One after the other. */
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
