/** The certificate of both ports: the files that the settings name, their texts, and the watch on them. */

import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import {
  type CertificateFiles,
  type Certificates,
  type CertificateTexts,
  watchCertificates,
} from "./machine/certificates.js";
import type { Settings } from "./settings/settings.js";

/** Returns the files of the certificate and its key. Undefined when the settings do not name both. */
export function tlsFiles({ tlsCert, tlsKey }: Settings): CertificateFiles | undefined {
  return tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey };
}

export function tlsTexts(files: CertificateFiles | undefined): CertificateTexts | undefined {
  return files && { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8") };
}

/**
 * Watches the files of the certificate. Calls `renew` with the texts of each new certificate that can be used.
 * Undefined when there is no certificate.
 */
export function watchTls(
  settings: Settings,
  logger: Logger,
  renew: (texts: CertificateTexts) => void,
): Certificates | undefined {
  const files = tlsFiles(settings);
  const texts = tlsTexts(files);
  return files && texts && watchCertificates({ files, texts, renew, logger });
}
