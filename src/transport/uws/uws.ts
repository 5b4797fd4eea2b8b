/**
 * Types and functions for parts of uWebSockets.js that its own types lack: opening an app and its listen socket, and
 * sending fragments.
 */

import "./head-limit.js";
import * as uws from "uWebSockets.js";

export type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t, WebSocket } from "uWebSockets.js";

/** uWebSockets.js has these methods, but its own types do not list them. `UwsSocket` says what the fragments do. */
declare module "uWebSockets.js" {
  interface TemplatedApp {
    /** Returns a number that stands for this app in `addChildAppDescriptor` and `removeChildAppDescriptor`. */
    getDescriptor(): number;
    /**
     * Adds a child app to this app, which listens. From then on this app hands each new connection to one of its child
     * apps in turn.
     */
    addChildAppDescriptor(descriptor: number): void;
    /** Removes a child app. From then on the child app gets no new connections. */
    removeChildAppDescriptor(descriptor: number): void;
  }
  interface WebSocket<UserData> {
    sendFirstFragment(fragment: uws.RecognizedString, isBinary?: boolean, compress?: boolean): number;
    sendFragment(fragment: uws.RecognizedString, compress?: boolean): number;
    sendLastFragment(fragment: uws.RecognizedString, compress?: boolean): number;
  }
}

/** The paths of two PEM files: the certificate and its private key. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/**
 * The option that makes a listen socket exclusive. uWebSockets.js has it, but its types do not. Without it, a second
 * process that listens on the same port takes connections, and nobody notices.
 */
const { LIBUS_LISTEN_EXCLUSIVE_PORT } = uws as unknown as { LIBUS_LISTEN_EXCLUSIVE_PORT: number };

type Listen = (
  host: string,
  port: number,
  options: number,
  done: (socket: uws.us_listen_socket | false) => void,
) => void;

export interface ListenSocket {
  readonly port: number;
  /** Stops taking new connections. Open connections stay open. */
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

/**
 * Makes an app listen on a port. Resolves with undefined when the app cannot listen; uWebSockets does not say why. If
 * `shared` is true, other processes may share the port (SO_REUSEPORT).
 */
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
