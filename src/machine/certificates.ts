/** Watches the files of the TLS certificate and its key. A new certificate comes into force without a restart. */

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
  /**
   * Reads the files at once, even when they seem unchanged, and calls `renew` if their content is new. Resolves after
   * that. Never rejects.
   */
  read(): Promise<void>;
  /** Stops looking at the files. `read` still works. */
  close(): void;
}

const lookMs = 60_000;

/**
 * Looks once a minute whether the files have changed, so the program that renews them need not notify Eventwire. Calls
 * `renew` when the files hold a new certificate and the key that belongs to it. Files that do not belong together, or
 * cannot be read, change nothing and are logged.
 */
export function watchCertificates(
  {
    files,
    texts,
    renew,
    logger,
  }: {
    files: CertificateFiles;
    /** The certificate and the key that are in force when the watch begins. */
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
      // The files are passed as bytes, because an empty text would count as no certificate at all. A file is empty
      // while another program begins to write it.
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

  /** Runs `work` after all earlier work has ended. */
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
