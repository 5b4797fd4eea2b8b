/** Certificate files of a running program, and clients that look which certificate they are shown. */

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import { type Certificate, makeCertificate } from "./certificate.js";
import { temporaryDirectory } from "./temporary.js";

export interface CertificateFiles {
  readonly env: { readonly TLS_CERT: string; readonly TLS_KEY: string };
  readonly first: Certificate;
  /** Writes a new one over it. */
  replace(): Certificate;
}

/** End with their test. */
export function certificateFiles(): CertificateFiles {
  const directory = temporaryDirectory();
  const env = { TLS_CERT: join(directory, "cert.pem"), TLS_KEY: join(directory, "key.pem") };
  function write({ cert, key }: Certificate): void {
    writeFileSync(env.TLS_CERT, cert);
    writeFileSync(env.TLS_KEY, key);
  }
  function replace(): Certificate {
    const made = makeCertificate();
    write(made);
    return made;
  }
  return { env, first: replace(), replace };
}

/** Whether a new connection is shown exactly this certificate; with and without a name, since clients by address have none. */
export async function shows(url: string, { cert }: Certificate, servername?: string): Promise<boolean> {
  const { port } = new URL(url);
  const socket = connect({
    port: Number(port),
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ...(servername && { servername }),
  });
  await once(socket, "secureConnect");
  const shown = socket.getPeerX509Certificate()?.toString().trim();
  socket.destroy();
  return shown === cert.trim();
}

/** A call on a connection of its own that accepts this certificate alone. */
export function callOver(
  { cert }: Certificate,
  url: string,
  options: { method?: string; token?: string; body?: object } = {},
) {
  const { method = "GET", token, body } = options;
  return new Promise<{ status: number; text: string }>((done, fail) => {
    const headers = { ...(token && { token }), ...(body && { "content-type": "application/json" }) };
    const agent = new Agent({ ca: cert });
    const sent = request(url, { method, headers, agent }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => done({ status: answer.statusCode ?? 0, text }));
      answer.on("error", fail);
    });
    sent.on("error", fail);
    sent.end(body && JSON.stringify(body));
  });
}
