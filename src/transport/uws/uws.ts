/** The few things of uWebSockets.js whose types are missing or not enough: opening an app and its listen socket, fragments. */

import "./head-limit.js";
import * as uws from "uWebSockets.js";

export type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t, WebSocket } from "uWebSockets.js";

/** They are there, only not typed; see `UwsSocket`. */
declare module "uWebSockets.js" {
  interface TemplatedApp {
    /** The app itself, for the two below. */
    getDescriptor(): number;
    /** From then on this app, which listens, hands what it accepts to those apps in turn. */
    addChildAppDescriptor(descriptor: number): void;
    removeChildAppDescriptor(descriptor: number): void;
  }
  interface WebSocket<UserData> {
    sendFirstFragment(fragment: uws.RecognizedString, isBinary?: boolean, compress?: boolean): number;
    sendFragment(fragment: uws.RecognizedString, compress?: boolean): number;
    sendLastFragment(fragment: uws.RecognizedString, compress?: boolean): number;
  }
}

/** Paths of PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Typed as a missing value, but there. Without it a second process on the same port silently steals connections. */
const { LIBUS_LISTEN_EXCLUSIVE_PORT } = uws as unknown as { LIBUS_LISTEN_EXCLUSIVE_PORT: number };

type Listen = (
  host: string,
  port: number,
  options: number,
  done: (socket: uws.us_listen_socket | false) => void,
) => void;

export interface ListenSocket {
  readonly port: number;
  /** Takes no further connections; open ones stay. */
  close(): void;
}

export function createApp(tls: TlsFiles | undefined): uws.TemplatedApp {
  if (tls === undefined) return uws.App();
  try {
    return uws.SSLApp({ cert_file_name: tls.cert, key_file_name: tls.key });
  } catch (cause) {
    throw new Error("TLS_CERT and TLS_KEY do not name a certificate and its key in PEM.", { cause });
  }
}

/** Undefined: it cannot be had. uWebSockets does not say why. `shared`: with other processes that say so (SO_REUSEPORT). */
export function listen(
  app: uws.TemplatedApp,
  { host, port, shared }: { host: string; port: number; shared: boolean },
): Promise<ListenSocket | undefined> {
  return new Promise((resolve) => {
    (app.listen as unknown as Listen).call(app, host, port, shared ? 0 : LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
      if (socket === false) {
        resolve(undefined);
        return;
      }
      let open = true;
      resolve({
        port: uws.us_socket_local_port(socket as unknown as uws.us_socket),
        close() {
          if (open) uws.us_listen_socket_close(socket);
          open = false;
        },
      });
    });
  });
}
